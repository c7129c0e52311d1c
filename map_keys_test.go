package burdock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/burdock-go/burdock"
)

// textKey is a key by its text.
type textKey struct{ A, B int }

func (k textKey) MarshalText() ([]byte, error) {
	if k.A < 0 {
		return nil, errors.New("A is negative")
	}
	return fmt.Appendf(nil, "%d-%d", k.A, k.B), nil
}

func (k *textKey) UnmarshalText(data []byte) error {
	_, err := fmt.Sscanf(string(data), "%d-%d", &k.A, &k.B)
	return err
}

// keysOf runs a map over windows of any type and returns the branches' keys and paths.
func keysOf[Sub any](t *testing.T, store burdock.Store, subs ...Sub) ([]string, error) {
	t.Helper()
	var keys []string
	m := burdock.MapStates("m", idle("b"),
		func(context.Context, burdock.None) iter.Seq2[Sub, error] {
			return burdock.Each(subs, func(s Sub) Sub { return s })
		},
		func(_ context.Context, _ burdock.None, rs *burdock.Results[Sub, burdock.None]) (burdock.None, error) {
			for r := range rs.OK() {
				keys = append(keys, r.Key()+" "+strings.TrimPrefix(r.Path(), "app/m#1/"))
			}
			return burdock.None{}, rs.Err()
		}, nil)
	g, err := burdock.NewGraph("g", burdock.Node(m))
	if err != nil {
		return nil, err
	}
	_, err = newApp(t, g, stored(store, nil)).Run(t.Context())
	return keys, err
}

// M11: a key is a string, []byte, integer or text, or the index; several parts are joined by ':' after escaping. M12:
// paths are escaped so that parsing them is exact.
func TestM11_Keys(t *testing.T) {
	type str struct {
		K string `state:"k,key"`
	}
	type named string
	type ofName struct {
		K named `state:"k,key"`
	}
	type bytes struct {
		K []byte `state:"k,key"`
	}
	type integer struct {
		K int8 `state:"k,key"`
	}
	type unsigned struct {
		K uint64 `state:"k,key"`
	}
	type text struct {
		K textKey `state:"k,key"`
	}
	type moment struct {
		K time.Time `state:"k,key"`
	}
	type two struct {
		Repo string `state:"repo,key"`
		File string `state:"file,key"`
	}
	type index struct {
		V string `state:"v"`
	}
	check := func(name string, got []string, err error, want ...string) {
		t.Helper()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
		}
	}
	got, err := keysOf(t, memory(), str{"a"}, str{"a/b#c:d~e%f"}, str{"é\n"}, str{" "})
	check("string", got, err, "a a", "a/b#c:d~e%f a%2Fb%23c%3Ad%7Ee%25f", "é\n é%0A", "   ")
	got, err = keysOf(t, memory(), ofName{"x"})
	check("named string", got, err, "x x")
	got, err = keysOf(t, memory(), bytes{[]byte("a\xff")}, bytes{[]byte("b")})
	check("bytes", got, err, "a\xff a%FF", "b b")
	got, err = keysOf(t, memory(), integer{-7}, integer{0}, integer{100})
	check("integer", got, err, "-7 -7", "0 0", "100 100")
	got, err = keysOf(t, memory(), unsigned{1<<64 - 1})
	check("unsigned", got, err, "18446744073709551615 18446744073709551615")
	got, err = keysOf(t, memory(), text{textKey{1, 2}}, text{textKey{3, 4}})
	check("text", got, err, "1-2 1-2", "3-4 3-4")
	got, err = keysOf(t, memory(), moment{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	check("time", got, err, "2026-01-02T03:04:05Z 2026-01-02T03%3A04%3A05Z")
	got, err = keysOf(t, memory(), two{"a:b", "c"}, two{"a", "b:c"}, two{"x/y", "z"})
	check("two parts", got, err, "a%3Ab:c a%3Ab:c", "a:b%3Ac a:b%3Ac", "x%2Fy:z x%2Fy:z")
	got, err = keysOf(t, memory(), index{"same"}, index{"same"})
	check("index", got, err, "0 0", "1 1")
	got, err = keysOf(t, memory(), str{strings.Repeat("k", 4096)})
	check("long", got, err, strings.Repeat("k", 4096)+" "+strings.Repeat("k", 4096))
}

// M11: an empty, longer or duplicate key fails the visit and is named.
func TestM11_BadKeys(t *testing.T) {
	type str struct {
		K string `state:"k,key"`
		V int    `state:"v"`
	}
	type text struct {
		K textKey `state:"k,key"`
	}
	type two struct {
		A string `state:"a,key"`
		B string `state:"b,key"`
	}
	for _, store := range []func() burdock.Store{func() burdock.Store { return nil }, func() burdock.Store { return memory() }} {
		_, err := keysOf(t, store(), str{"a", 1}, str{"", 2})
		wantTexts(t, err, `action "m"`, "field K of branch 1", "a key of 0 bytes", "1 to 4096")
		_, err = keysOf(t, store(), str{strings.Repeat("k", 5000), 1})
		wantTexts(t, err, "a key of 5000 bytes", `"kkkk`)
		_, err = keysOf(t, store(), str{"a", 1}, str{"b", 2}, str{"a", 3})
		wantTexts(t, err, `two branches have the key "a"`)
		_, err = keysOf(t, store(), text{textKey{-1, 0}})
		wantTexts(t, err, "field K of the window of branch 0", "A is negative")
		_, err = keysOf(t, store(), two{"a", "b"}, two{"a", ""})
		wantTexts(t, err, "field B of branch 1", "a key of 0 bytes")
		_, err = keysOf(t, store(), two{strings.Repeat("k", 3000), strings.Repeat("k", 3000)})
		wantTexts(t, err, "a key of 6001 bytes")
		_, err = keysOf(t, store(), str{"\xff", 1})
		wantTexts(t, err, "field K of the window of branch 0", "UTF-8")
	}
}

// M11: the keys of MapActions are the actions' names; with a key field of the window both are parts.
func TestM11_KeysOfActions(t *testing.T) {
	m := burdock.MapActions("m", burdock.Actions(idle("a"), idle("b")), func(context.Context, burdock.None) (twigKey, error) {
		return twigKey{"x:y"}, nil
	}, func(_ context.Context, _ burdock.None, rs *burdock.Results[twigKey, burdock.None]) (bunch, error) {
		var words []string
		for r := range rs.OK() {
			words = append(words, r.Action()+" "+r.Key())
		}
		return bunch{words}, nil
	}, nil)
	out, err := burdock.Read[bunch](newApp(t, burdock.MustGraph("g", burdock.Node(m)), stored(memory(), nil)).Run(t.Context()))
	wantWords(t, out.Words, err, "a a:x%3Ay b b:x%3Ay")
}

// idsOf returns the ids of the branches by key.
func idsOf(t *testing.T, store burdock.Store, parent burdock.Ref) map[string]string {
	t.Helper()
	ids := map[string]string{}
	for key, cp := range branchRecords(t, store, parent) {
		ids[key] = cp.App
	}
	return ids
}

// M12, M13: an id says parent, sequence number, action, key and what was given; it is the same in another process.
func TestM12_Ids(t *testing.T) {
	type given struct {
		Name string `state:"name,key"`
		V    int    `state:"v"`
	}
	type cfg struct {
		Model string `input:"model,optional"`
	}
	read := func(action *burdock.Action, id string, v int, opts ...burdock.RunOption) string {
		t.Helper()
		m := burdock.MapStates("m", action,
			func(context.Context, burdock.None) iter.Seq2[given, error] {
				return burdock.Each([]string{"x"}, func(n string) given { return given{n, v} })
			},
			func(_ context.Context, _ burdock.None, rs *burdock.Results[given, burdock.None]) (bunch, error) {
				for r := range rs.OK() {
					return bunch{[]string{r.ID()}}, nil
				}
				return bunch{}, rs.Err()
			}, nil)
		store := memory()
		app := newApp(t, burdock.MustGraph("g", burdock.Node(m)), &burdock.Options{ID: id, Cascade: burdock.Cascade{Store: store}})
		out, err := burdock.Read[bunch](app.Run(t.Context(), opts...))
		if err != nil {
			t.Fatal(err)
		}
		ids := idsOf(t, store, burdock.Ref{App: id, Seq: 1})
		if ids["x"] != out.Words[0] {
			t.Errorf("the result's id is %s, the record's %s", out.Words[0], ids["x"])
		}
		bare := newApp(t, burdock.MustGraph("g", burdock.Node(m)), &burdock.Options{ID: id})
		again, err := burdock.Read[bunch](bare.Run(t.Context(), opts...))
		if err != nil || again.Words[0] != out.Words[0] {
			t.Errorf("without a store the id is %s, with one %s (%v)", again.Words, out.Words, err)
		}
		return out.Words[0]
	}
	b := burdock.Func("b", func(context.Context, cfg) (burdock.None, error) { return burdock.None{}, nil })
	base := read(b, "app", 1)
	if len(base) != 26 || strings.ToLower(base) != base {
		t.Errorf("id %q is not 26 characters of lower-case base32", base)
	}
	if again := read(b, "app", 1); again != base {
		t.Errorf("the same work has the ids %s and %s", base, again)
	}
	others := map[string]string{
		"another app":     read(b, "app2", 1),
		"another window":  read(b, "app", 2),
		"another action":  read(b.Named("c"), "app", 1),
		"another binding": read(b.Bind("model", "m1"), "app", 1),
		"a third binding": read(b.Bind("model", "m2"), "app", 1),
		"an input":        read(b, "app", 1, burdock.Input("model", "m1")),
		"another input":   read(b, "app", 1, burdock.Input("model", "m2")),
	}
	seen := map[string]string{base: "the first"}
	for what, id := range others {
		if old, dup := seen[id]; dup {
			t.Errorf("%s has the id of %s", what, old)
		}
		seen[id] = what
	}
}

// M13: a secret is no part of the fingerprint, and Options.Given is where an action of the branch declares it.
func TestM13_SecretsAndConfiguration(t *testing.T) {
	type secret struct {
		Token string `input:"token,secret"`
		Model string `input:"model,optional"`
	}
	var ran notes
	fail := true
	m := burdock.MapActions("m", burdock.Actions(
		burdock.Func("a", func(_ context.Context, in secret) (burdock.None, error) {
			ran.add("a:" + in.Token)
			return burdock.None{}, nil
		}),
		burdock.Func("b", func(_ context.Context, _ burdock.None) (burdock.None, error) {
			ran.add("b")
			if fail {
				return burdock.None{}, errKilled
			}
			return burdock.None{}, nil
		})), nil,
		func(_ context.Context, _ burdock.None, rs *burdock.Results[burdock.None, burdock.None]) (burdock.None, error) {
			for range rs.All() {
			}
			return burdock.None{}, rs.Err()
		}, &burdock.MapOptions{Limit: 1, Failures: burdock.Collect})
	g := burdock.MustGraph("g", burdock.Node(m))
	store := memory()
	if _, err := newApp(t, g, stored(store, nil)).Run(t.Context(), burdock.Input("token", "k1")); err == nil {
		t.Fatal("no error")
	}
	for _, cp := range tree(t, store, "app") {
		if strings.Contains(fmt.Sprintf("%+v", cp), "k1") {
			t.Errorf("the secret stands in %+v", cp)
		}
	}
	wantEqual(t, "ran", ran.take(), "a:k1 b")
	fail = false
	kept := tree(t, store, "app")
	runTo(t, openApp(t, g, stored(copiedTo(t, kept), nil)), burdock.StopDone, burdock.Input("token", "k2"))
	wantEqual(t, "ran", ran.take(), "b")
	o := stored(copiedTo(t, kept), nil)
	o.Given = burdock.Input("model", "m")
	runTo(t, openApp(t, g, o), burdock.StopDone, burdock.Input("token", "k2"))
	wantEqual(t, "ran", ran.take(), "a:k2 b")
}

// M13: what the actions of a map within are bound to belongs to the fingerprint of the branch around it too.
func TestM13_InnerBindings(t *testing.T) {
	type cfg struct {
		Model string `input:"model"`
	}
	idWith := func(model string) string {
		leaf := burdock.Func("leaf", func(context.Context, cfg) (burdock.None, error) { return burdock.None{}, nil }).Bind("model", model)
		inner := burdock.MapActions("inner", burdock.Actions(leaf), nil,
			func(context.Context, burdock.None, *burdock.Results[burdock.None, burdock.None]) (burdock.None, error) {
				return burdock.None{}, nil
			}, nil)
		store := memory()
		outer := burdock.Subgraph[burdock.None, burdock.None]("outer", inner)
		runTo(t, newApp(t, burdock.MustGraph("g", burdock.Node(outer)), stored(store, nil)), burdock.StopDone)
		return idsOf(t, store, burdock.Ref{App: "app", Seq: 1})["outer"]
	}
	if a, b := idWith("m1"), idWith("m2"); a == b || a == "" {
		t.Errorf("ids %q and %q", a, b)
	}
}

// A second visit of the same map never sees the first's results. Burr's ids lacked the sequence number.
func TestM12_SecondVisitRunsAnew(t *testing.T) {
	store := memory()
	runs := 0
	r := rigOf("a")
	r.do = func(context.Context, string) (string, error) { runs++; return fmt.Sprint(runs), nil }
	type tally struct {
		N int `state:"n"`
	}
	count := burdock.Func("count", func(_ context.Context, c tally) (tally, error) { return tally{c.N + 1}, nil })
	m := r.action()
	g := burdock.MustGraph("g",
		burdock.Node(m, burdock.Then(count)),
		burdock.Node(count, burdock.When("n < 3", func(c tally) bool { return c.N < 3 }).Then(m)))
	out := runTo(t, newApp(t, g, stored(store, tally{})), burdock.StopDone)
	wantEqual(t, "word", view[bunch](t, out.State).Words[0], "3")
	if runs != 3 {
		t.Errorf("the branch ran %d times in 3 visits", runs)
	}
	ids := map[string]bool{}
	for _, seq := range []int64{1, 3, 5} {
		for _, cp := range branchRecords(t, store, burdock.Ref{App: "app", Seq: seq}) {
			ids[cp.App] = true
			if want := fmt.Sprintf("app/fan#%d/a", seq); cp.Path != want {
				t.Errorf("path %s, want %s", cp.Path, want)
			}
		}
	}
	if len(ids) != 3 {
		t.Errorf("%d ids in 3 visits", len(ids))
	}
}

// P2: what the records of branches say.
func TestP2_BranchRecords(t *testing.T) {
	store := memory()
	inner := rigOf("x")
	outer := rigOf("a", "b")
	g := burdock.MustGraph("g", burdock.Node(outer.over(inBranch(inner))))
	runTo(t, newApp(t, g, &burdock.Options{ID: "app", Project: "p", Partition: "q", Cascade: burdock.Cascade{Store: store}}), burdock.StopDone)
	parent := burdock.Ref{App: "app", Seq: 1}
	joins := map[int64]bool{}
	for key, cp := range branchRecords(t, store, parent) {
		got := fmt.Sprint(cp.Root, cp.Parent, cp.Path, cp.Project, cp.Partition, cp.Graph, cp.Task, cp.Key, cp.Index, cp.Seq, cp.Action, cp.Status, cp.Next, len(cp.Fingerprint))
		index := map[string]int{"a": 0, "b": 1}[key]
		want := fmt.Sprint("app", parent, "app/fan#1/"+key, "p", "q", "inner", "inner", key, index, 2, "join", "completed", "", 32)
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		joins[cp.Join] = true
		all := records(t, store, cp.App)
		if all[0].Seq != 0 || len(all[0].Delta) != 1 || all[0].Delta[0].Key != "name" || all[0].Next != "fan" || all[0].Join != 0 {
			t.Errorf("its beginning is %+v", all[0])
		}
		if all[1].Join != 0 || all[1].Next != "join" {
			t.Errorf("its first step has join %d and next %q", all[1].Join, all[1].Next)
		}
		for innerKey, in := range branchRecords(t, store, burdock.Ref{App: cp.App, Seq: 1}) {
			if in.Root != "app" || in.Path != "app/fan#1/"+key+"/fan#1/"+innerKey {
				t.Errorf("below: root %s, path %s", in.Root, in.Path)
			}
		}
	}
	if !joins[1] || !joins[2] {
		t.Errorf("join numbers %v, want 1 and 2", joins)
	}
}
