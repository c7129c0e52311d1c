package memstore_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/store/memstore"
	"github.com/burdock-go/burdock/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) burdock.Store { return memstore.New() }, nil)
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(*testing.B) burdock.Store { return memstore.New() })
}
