package sqlitestore

import "strings"

// A bulk gathers the rows of checkpoints of one transaction, so that one statement inserts several: what a statement costs
// besides its rows is about what a row costs.
type bulk struct {
	values []any // of all columns of the rows that are not inserted yet
}

// columnsOfRow is how many values a row of checkpoint has, and sumOfRow the place of its sum.
const columnsOfRow, sumOfRow = 13, 12

// bulkSizes are how many rows one statement inserts, the most first.
var bulkSizes = [...]int{16, 4, 1}

// bulkInserts are the statements, by size.
var bulkInserts = func() (inserts [len(bulkSizes)]string) {
	row := "(?" + strings.Repeat(", ?", columnsOfRow-1) + ")"
	for i, n := range bulkSizes {
		inserts[i] = `INSERT OR REPLACE INTO checkpoint(app, seq, kind, status, lists, joined, flags, epoch, dispatch, started, took, body, sum)
		VALUES ` + row + strings.Repeat(", "+row, n-1)
	}
	return inserts
}()

// add adds a row and returns its values, the last of which is its sum and yet to be set.
func (b *bulk) add(values ...any) []any {
	n := len(b.values)
	b.values = append(append(b.values, values...), nil)
	return b.values[n:]
}

// full reports whether the largest statement can be filled.
func (b *bulk) full() bool { return len(b.values) == bulkSizes[0]*columnsOfRow }

// forget drops what is not inserted.
func (b *bulk) forget() {
	clear(b.values)
	b.values = b.values[:0]
}

// insert inserts all rows in their order.
func (b *bulk) insert(c *conn) error {
	defer b.forget()
	rest := b.values
	for i, size := range bulkSizes {
		for n := size * columnsOfRow; len(rest) >= n; rest = rest[n:] {
			if err := c.exec(bulkInserts[i], rest[:n]...); err != nil {
				return err
			}
		}
	}
	return nil
}
