package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/burdock-go/burdock"
)

// check reports what is wrong with the options, whatever the origin is.
func (o *ForkOptions) check() error {
	var errs []error
	if o.ID != "" {
		if why := badID(o.ID); why != "" {
			errs = append(errs, fmt.Errorf("the id %.40q %s", o.ID, why))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(o.Set)) {
		switch value := o.Set[key]; {
		case !json.Valid(value):
			errs = append(errs, fmt.Errorf("key %q: its value is no valid JSON", key))
		case !utf8.Valid(value):
			errs = append(errs, fmt.Errorf("key %q: its value is no valid UTF-8", key))
		}
	}
	return errors.Join(errs...)
}

// fill makes the delta that holds everything, the values of Set in their places.
func (f *forking) fill(values *Values) error {
	keys := keysOf(f.description)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(f.opts.Set)) {
		if err := f.set(values, keys, name); err != nil {
			errs = append(errs, err)
		}
	}
	for _, name := range values.Keys() {
		value, err := whole(values, keys, name)
		if err != nil {
			errs = append(errs, err)
		}
		f.delta = append(f.delta, burdock.Change{Key: name, Op: burdock.OpSet, Value: value})
		f.lists = f.lists || keys[name].list
	}
	return errors.Join(errs...)
}

// set replaces the value of a key.
func (f *forking) set(values *Values, keys map[string]key, name string) error {
	_, known := keys[name]
	if _, has := values.of[name]; !known && !has {
		all := maps.Clone(keys)
		for _, other := range values.Keys() {
			all[other] = key{}
		}
		return fmt.Errorf("key %q: neither the state nor graph %q has it; known are %s", name, f.last.Graph, named(slices.Sorted(maps.Keys(all))))
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, f.opts.Set[name]); err != nil {
		return fmt.Errorf("key %q: %w", name, err)
	}
	if want := misfit(keys[name].typ, compact.Bytes()); want != "" {
		return fmt.Errorf("key %q: its value %.40q is not %s", name, compact.Bytes(), want)
	}
	values.change(burdock.Change{Key: name, Op: burdock.OpSet, Value: compact.Bytes()})
	return nil
}

// whole is the value of a key, its appended parts joined. Only encoding/json's arrays can be joined without types.
func whole(values *Values, keys map[string]key, name string) (json.RawMessage, error) {
	value, err := values.JSON(name)
	typ := keys[name].typ
	if err == nil && values.of[name].list && (strings.HasPrefix(typ, "codec(") || strings.HasPrefix(typ, "marshaler(")) {
		err = fmt.Errorf("the graph says how it is encoded: %s", typ)
	}
	if err != nil {
		return nil, fmt.Errorf("key %q: without its type the list cannot be put together: %w; use burdock.Fork in the program that has the graph", name, err)
	}
	return value, nil
}

// misfit says what a value should be that cannot be of a described type, as far as its outermost form tells; "" if it
// can. Null is the zero value of every type.
func misfit(typ string, value []byte) string {
	kind := strings.TrimRight(typ, "0123456789")
	bits, _ := strconv.Atoi(typ[len(kind):])
	first := value[0]
	is := func(ok bool, what string) string {
		if ok || first == 'n' {
			return ""
		}
		return what
	}
	var err error
	switch {
	case typ == "bool":
		return is(first == 't' || first == 'f', "true or false")
	case typ == "string" || typ == "time" || typ == "[]uint8":
		return is(first == '"', "a string")
	case kind == "int":
		_, err = strconv.ParseInt(string(value), 10, bits)
		return is(err == nil, "an integer ("+typ+")")
	case kind == "uint":
		_, err = strconv.ParseUint(string(value), 10, bits)
		return is(err == nil, "an integer that is not negative ("+typ+")")
	case kind == "float":
		_, err = strconv.ParseFloat(string(value), bits)
		return is(err == nil, "a number ("+typ+")")
	case strings.HasPrefix(typ, "["):
		return is(first == '[', "an array")
	case strings.HasPrefix(typ, "map[") || strings.HasPrefix(typ, "{"):
		return is(first == '{', "an object")
	}
	return ""
}
