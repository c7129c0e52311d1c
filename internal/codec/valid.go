package codec

import "reflect"

// Valid returns the error that [Type.Encode] would return for what the value
// holds, without writing it: invalid UTF-8, NaN, Inf, values that contain
// themselves. What a marshaler writes is looked at, so one is called. v is
// normalized.
func (c *Type) Valid(v reflect.Value) error {
	if c.has&(fallible|nullish|unbounded) == 0 {
		return nil
	}
	return located(c.valid(v, 0))
}

func (c *Type) valid(v reflect.Value, depth int) error {
	switch {
	case c.has&(fallible|nullish|unbounded) == 0:
		return nil
	case depth > maxDepth:
		return errDeep
	case c.shape == text:
		return validText(v.String(), nil)
	case c.shape == custom:
		_, err := c.Encode(v)
		return err
	}
	if err := c.inspectSelf(v); err != nil {
		return err
	}
	return c.each(v, func(in *Type, v reflect.Value) error {
		return in.valid(v, c.beneath(depth))
	})
}
