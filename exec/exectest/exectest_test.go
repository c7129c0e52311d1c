package exectest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/exec/exectest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLocal(t *testing.T) {
	exectest.Run(t, func(*testing.T, ...*burdock.Graph) burdock.Executor { return burdock.Local }, &exectest.Options{Anything: true})
}

func TestEncoded(t *testing.T) {
	exectest.Run(t, func(t *testing.T, graphs ...*burdock.Graph) burdock.Executor {
		ex, err := exectest.Encoded(nil, graphs...)
		if err != nil {
			t.Fatal(err)
		}
		return ex
	}, nil)
}
