package sqlitestore_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/burdock-go/burdock"
)

// Processes that open one new database at the same moment all get it, whoever makes the tables.
func TestProcessesMakeOneDatabaseAtOnce(t *testing.T) {
	dir := t.TempDir()
	for i := range 40 {
		path := filepath.Join(dir, fmt.Sprint(i), "new.db")
		var all []*process
		for range 3 {
			all = append(all, start(t, "hold", path))
		}
		claimed := 0
		for _, p := range all {
			lines, failure := p.finish()
			claimed += len(lines)
			if failure != "" && !strings.Contains(failure, burdock.ErrConflict.Error()) {
				t.Errorf("database %d: %s", i, failure)
			}
		}
		if claimed == 0 {
			t.Errorf("database %d: nobody has it", i)
		}
	}
}
