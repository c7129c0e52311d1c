package record

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/burdock-go/burdock"
)

// What ids and paths are is decided by package burdock; the tests of Fork compare what comes of both.

// maxID is the length in bytes that an application's id may have.
const maxID = 200

// forkID is the n-th id that is tried for a fork. A long origin is cut.
func forkID(origin string, n int) string {
	suffix := "-fork-" + strconv.Itoa(n)
	end := min(len(origin), maxID-len(suffix))
	for end > 0 && end < len(origin) && !utf8.RuneStart(origin[end]) {
		end--
	}
	return origin[:end] + suffix
}

var branchIDs = base32.StdEncoding.WithPadding(base32.NoPadding)

// branchID computes the id of a branch.
func branchID(parent burdock.Ref, task, key, fingerprint string) string {
	h := sha256.New()
	for _, part := range []string{parent.App, strconv.FormatInt(parent.Seq, 10), task, key, fingerprint} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	return strings.ToLower(branchIDs.EncodeToString(h.Sum(nil)[:16]))
}

// branchPath is the path of a branch of root's first step, which has the same key as the branch with the other path.
func branchPath(root, action, other string) string {
	return escapePath(root) + "/" + escapePath(action) + "#1/" + other[strings.LastIndexByte(other, '/')+1:]
}

// escapePath escapes what has a meaning in a path, control characters and bytes that are no UTF-8, as %XX.
func escapePath(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 || unicode.IsControl(r) || strings.ContainsRune("%/#:~", r) {
			for _, c := range []byte(s[:n]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}
