package sqlitestore

import "strings"

// A bulk gathers records within a transaction, so that one statement inserts several: what a statement costs besides its
// rows is about what a row costs.
type bulk struct {
	insert *[len(bulkSizes)]string // the statements, by bulkSizes
	values []any                   // of all columns of the rows that are not inserted yet
}

// bulkSizes are how many rows one statement inserts, the most first.
var bulkSizes = [...]int{16, 4, 1}

// bulkColumns is how many values a row has.
const bulkColumns = 13

// The statements. A record that is certainly new is inserted without a look for what it replaces, and with OR FAIL: a
// statement that fails makes the transaction fail, so SQLite need not be able to take back the statement alone, for which
// it copies every page that it changes. Together that is a fifth of what the row costs.
var (
	insertFresh     = bulkInserts("INSERT OR FAIL")
	insertReplacing = bulkInserts("INSERT OR REPLACE")
)

func bulkInserts(verb string) (inserts [len(bulkSizes)]string) {
	row := "(?" + strings.Repeat(", ?", bulkColumns-1) + ")"
	for i, n := range bulkSizes {
		inserts[i] = verb + ` INTO checkpoint(app, seq, kind, status, lists, joined, flags, epoch, dispatch, started, took, body, sum)
			VALUES ` + row + strings.Repeat(", "+row, n-1)
	}
	return inserts
}

// add adds a row.
func (b *bulk) add(values ...any) { b.values = append(b.values, values...) }

// full reports whether the largest statement can be filled.
func (b *bulk) full() bool { return len(b.values) == bulkSizes[0]*bulkColumns }

// forget drops what is not inserted.
func (b *bulk) forget() {
	clear(b.values)
	b.values = b.values[:0]
}

// flush inserts all rows in their order.
func (b *bulk) flush(c *conn) error {
	defer b.forget()
	rest := b.values
	for i, size := range bulkSizes {
		for n := size * bulkColumns; len(rest) >= n; rest = rest[n:] {
			if err := c.exec(b.insert[i], rest[:n]...); err != nil {
				return err
			}
		}
	}
	return nil
}
