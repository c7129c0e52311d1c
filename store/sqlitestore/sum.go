package sqlitestore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"reflect"
	"sync"
)

// Each row but those of graph ends with the CRC-32C of what it says. SQLite notices when the structure of a page is
// damaged, and not when a text in it is: without the sums a flipped bit would come back as a result that nobody wrote.
// What a row says by reference, such as the name of its graph, is part of its sum, so damage there is found too.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum is the checksum of a row's values: int64, string, []byte or nil, each with its type and length.
func sum[V any](values []V) int64 {
	space := heads.Get().(*[]byte)
	defer heads.Put(space)
	head, crc := (*space)[:0], uint32(0)
	for i := range values {
		switch v := any(values[i]).(type) {
		case nil:
			head = append(head, 'n')
		case int64:
			head = binary.AppendVarint(append(head, 'i'), v)
		case string:
			head = append(binary.AppendUvarint(append(head, 't'), uint64(len(v))), v...)
		case []byte: // may be long
			crc = crc32.Update(crc, castagnoli, binary.AppendUvarint(append(head, 'b'), uint64(len(v))))
			crc, head = crc32.Update(crc, castagnoli, v), head[:0]
		case float64: // in a damaged row only
			head = binary.BigEndian.AppendUint64(append(head, 'f'), math.Float64bits(v))
		default:
			head = append(head, reflect.TypeOf(v).String()...) // package fmt would let all values escape
		}
	}
	*space = head
	return int64(crc32.Update(crc, castagnoli, head))
}

// heads are where sums begin; package crc32 lets what it is given escape.
var heads = sync.Pool{New: func() any { return new([]byte) }}

// A damage is a row that cannot be what was written; Store.fail makes it an ErrCorrupt.
type damage struct{ what string }

func (d *damage) Error() string { return d.what }

func damaged(format string, args ...any) error {
	return &damage{fmt.Sprintf(format, args...)}
}

// sound fails unless the last of a row's values is the sum of those before it.
func sound[V any](row []V, format string, args ...any) error {
	last := len(row) - 1
	if got, ok := any(row[last]).(int64); ok && got == sum(row[:last]) {
		return nil
	}
	return damaged("%s does not have its checksum", fmt.Sprintf(format, args...))
}

// nullable is a text column that is NULL where there is none.
func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}
