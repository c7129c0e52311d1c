package burdock

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// idEncoding is base32 in lower case.
var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newID makes an id for an application that was given none.
func newID() string { return "app-" + strings.ToLower(rand.Text()) }

// badID says why an id cannot be used.
func badID(id string) string {
	switch {
	case id == "" || len(id) > 200:
		return fmt.Sprintf("has %d bytes; it has 1 to 200", len(id))
	case !utf8.ValidString(id):
		return "is not valid UTF-8"
	case strings.ContainsFunc(id, unicode.IsControl):
		return "contains a control character"
	}
	return ""
}

// identity returns the application's id. That of a branch is computed from where it stands and what it was given, so
// that the same work has the same id after a restart and other work never does.
func (m *member) identity() string {
	switch {
	case m.branch == nil && m.tree.guest != nil:
		return m.tree.guest.App
	case m.branch == nil:
		return m.tree.root
	case m.watched != nil:
		return m.watched.id
	case m.branch.special != nil && m.branch.special.id != "":
		return m.branch.special.id
	}
	var o opening
	_ = m.branch.begin(&o) // it has succeeded before
	return branchID(m.visit.of.identity(), m.visit.seq, m.branch.plan.name, m.branch.key(), m.branch.fingerprint(&o))
}

func branchID(parent string, seq int64, task, key, fingerprint string) string {
	var space [256]byte
	sum := sha256.Sum256(appendParts(space[:0], parent, strconv.FormatInt(seq, 10), task, key, fingerprint))
	return idEncoding.EncodeToString(sum[:16])
}

// appendParts appends strings, to be hashed, so that no two lists of them look alike.
func appendParts[T string | []byte](dst []byte, parts ...T) []byte {
	for _, p := range parts {
		dst = binary.BigEndian.AppendUint64(dst, uint64(len(p)))
		dst = append(dst, p...)
	}
	return dst
}

// fingerprint hashes what the branch begins with: its window, the bindings of its actions, and the inputs that are known.
func (b *branch) fingerprint(o *opening) string {
	var space [512]byte
	all := space[:0]
	add := func(kind, name string, v reflect.Value, encode func(reflect.Value) ([]byte, error)) {
		data, err := encode(v)
		if err != nil {
			data = fmt.Append(nil, err) // the value is refused where it is written; here it only has to be stable
		}
		all = appendParts(appendParts(all, kind, name), data)
	}
	places := make([]int, len(o.vals)) // by name: a graph that declares its keys in another order is given the same
	for i := range places {
		places[i] = i
	}
	slices.SortFunc(places, func(x, y int) int { return cmp.Compare(o.sch.keys[x].name, o.sch.keys[y].name) })
	for _, i := range places {
		if k, s := &o.sch.keys[i], o.vals[i]; s.set() {
			add("state", k.name, s.v, k.codec.Encode)
		}
	}
	all = appendParts(all, b.plan.bindings())
	for _, name := range b.plan.plan.inputNames() {
		u := b.plan.plan.inputs[name]
		if v, event, ok := o.inputs.find(u.name); ok && !u.secret && (!event || !b.visit.answered(u.name)) {
			add("input", u.name, v, u.codec.Encode)
		}
	}
	sum := sha256.Sum256(all)
	return hex.EncodeToString(sum[:16])
}

// hashBindings hashes what the actions of a branch are bound to, those of the maps within included. known has the hashes
// of branches that were met before, and of those that are being hashed a number.
func (b *branchPlan) hashBindings(known map[*branchPlan]string) string {
	known[b] = strconv.Itoa(len(known))
	var all []byte
	for _, n := range b.plan.nodes {
		for _, in := range n.inputs {
			if !in.bound.IsValid() || in.field.Secret {
				continue
			}
			data, err := in.codec.Encode(in.bound)
			if err != nil {
				data = fmt.Append(nil, err)
			}
			all = appendParts(all, n.action.name, in.field.Name, string(data))
		}
		for _, inner := range n.branches {
			sum, met := known[inner]
			if !met {
				sum = inner.hashBindings(known)
			}
			all = appendParts(all, n.action.name, inner.name, sum)
		}
	}
	sum := sha256.Sum256(all)
	known[b] = string(sum[:])
	return known[b]
}

// path returns the readable place of the application: run-7/every_pair#3/gpt_4:0.
func (m *member) path() string {
	if m.branch == nil {
		return m.tree.place()
	}
	var b strings.Builder
	b.Grow(64)
	m.writePath(&b)
	return b.String()
}

// writePath makes one text of all places: to join one more to each would cost a branch a hundred deep a hundred copies.
func (m *member) writePath(b *strings.Builder) {
	if m.branch == nil {
		b.WriteString(m.tree.place())
		return
	}
	v := m.visit
	v.of.writePath(b)
	b.WriteByte('/')
	b.WriteString(escapePath(v.node.action.name))
	b.WriteByte('#')
	b.WriteString(strconv.FormatInt(v.seq, 10))
	b.WriteByte('/')
	b.WriteString(m.branch.pathKey())
}

// place is the path of what the tree grows from.
func (t *tree) place() string {
	if t.guest != nil {
		return t.guest.Path
	}
	return escapePath(t.root)
}

// pathKey is the branch's key as it stands in a path: parts joined by ':', each escaped.
func (b *branch) pathKey() string {
	if b.joined || b.named == "" && b.visit.par.product {
		return b.key()
	}
	return escapePath(b.key())
}

// escapePath escapes what has a meaning in a path, control characters and bytes that are no UTF-8, as %XX.
func escapePath(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= 0x20 && s[i] < 0x7f && !strings.ContainsRune("%/#:~", rune(s[i]))
	}
	if plain {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		c, n := utf8.DecodeRuneInString(s)
		if c == utf8.RuneError && n == 1 || unicode.IsControl(c) || strings.ContainsRune("%/#:~", c) {
			for _, x := range []byte(s[:n]) {
				fmt.Fprintf(&b, "%%%02X", x)
			}
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// validUTF8 replaces what a text cannot hold.
func validUTF8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
