package burdock

import (
	"fmt"
	"reflect"

	"github.com/burdock-go/burdock/internal/codec"
)

// A Codec is a part of a graph that says how values of one Go type are stored, for types that encoding/json cannot bring
// back equal. Branch graphs inherit it.
type Codec[T any] struct {
	Encode  func(T) ([]byte, error) // returns valid JSON
	Decode  func([]byte) (T, error) // returns a value equal to what was encoded
	Version string                  // part of Graph.Hash; change it when the encoding changes
}

func (c Codec[T]) addTo(p *graphParts) {
	t := reflect.TypeFor[T]()
	p.codecs = append(p.codecs, codec.Custom{
		Type:    t,
		Version: c.Version,
		Encode: func(v reflect.Value) ([]byte, error) {
			if c.Encode == nil {
				return nil, fmt.Errorf("the Codec[%s] has no Encode", t)
			}
			value, _ := reflect.TypeAssert[T](v) // a nil interface is no T to Go, but the zero T to us
			return c.Encode(value)
		},
		Decode: func(data []byte, into reflect.Value) error {
			if c.Decode == nil {
				return fmt.Errorf("the Codec[%s] has no Decode", t)
			}
			v, err := c.Decode(data)
			if err == nil {
				into.Set(reflect.ValueOf(&v).Elem())
			}
			return err
		},
	})
}
