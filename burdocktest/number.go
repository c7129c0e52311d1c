package burdocktest

import (
	"encoding/json"
	"math/big"
)

// maxExponent bounds the numbers that are compared by value: 1e999999999 is valid JSON and would fill the memory.
const maxExponent = 20_000

// sameNumber compares numbers of JSON exactly, however they are written.
func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	x, okX := exact(a)
	y, okY := exact(b)
	return okX && okY && x.Cmp(y) == 0
}

func exact(n json.Number) (*big.Rat, bool) {
	f, _, err := big.ParseFloat(string(n), 10, 64, big.ToNearestEven)
	if err != nil || f.MantExp(nil) > maxExponent || f.MantExp(nil) < -maxExponent {
		return nil, false
	}
	return new(big.Rat).SetString(string(n))
}
