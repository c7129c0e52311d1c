package term_test

import (
	"encoding/json"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/burdock-go/burdock/cmd/burdock/internal/term"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEscapeShowsWhatATerminalWouldActOn(t *testing.T) {
	for in, want := range map[string]string{
		"plain, ä and 漢":           "plain, ä and 漢",
		"\x1b[31mred\x07":          `\x1b[31mred\x07`,
		"a\nb\r\tc":                `a\nb\r\tc`,
		"\u009b2J":                 `\u009b2J`,
		"\xff\xfe":                 `\xff\xfe`,
		"\u202egnp.exe":            `\u202egnp.exe`,
		"\u2028":                   `\u2028`,
		"\u007f":                   `\x7f`,
		"a replacement \ufffd":     "a replacement \ufffd",
		`C:\new`:                   `C:\new`,
		"a family 👨\u200d👩\u200d👧": "a family 👨\u200d👩\u200d👧",
	} {
		if got := term.Escape(in); got != want {
			t.Errorf("Escape(%q): got %q, want %q", in, got, want)
		}
	}
	if got, want := term.EscapeLines("a\n\tb\x1b\r\n"), "a\n\tb\\x1b\n"; got != want {
		t.Errorf("EscapeLines: got %q, want %q", got, want)
	}
}

func TestLineIsOneShortLine(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"short", "short"},
		{"\n first\r\nsecond", "first …"},
		{"0123456789ab", "012345678…"},
		{"ääääääääääää", "äääääääää…"},
	} {
		if got := term.Line(c.in, 10); got != c.want {
			t.Errorf("Line(%q): got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestJSONMeansTheSameAndHidesNothing(t *testing.T) {
	in := map[string]any{"raw": json.RawMessage(`"\u001b[0m` + "\u009b2J\u202e\x7f" + `"`), "html": "<&>"}
	out, err := term.JSON(in, "")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"html":"<&>","raw":"\u001b[0m\u009b2J\u202e\u007f"}` + "\n"
	if string(out) != want {
		t.Errorf("got %s, want %s", out, want)
	}
	var back map[string]string
	if err := json.Unmarshal(out, &back); err != nil || back["raw"] != "\x1b[0m\u009b2J\u202e\x7f" {
		t.Errorf("decoded: got %q, %v", back["raw"], err)
	}
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 11480: "11,480", -1234567: "-1,234,567"} {
		if got := term.Number(n); got != want {
			t.Errorf("Number(%d): got %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 B", 999: "999 B", 1500: "1.5 kB", 12345678: "12 MB", 2e9: "2 GB"} {
		if got := term.Bytes(n); got != want {
			t.Errorf("Bytes(%d): got %q, want %q", n, got, want)
		}
	}
}

func TestDurationsForPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                              "0s",
		12:                             "<1µs",
		850 * time.Microsecond:         "850µs",
		1999 * time.Microsecond:        "1.9ms",
		999*time.Millisecond + 999:     "999ms",
		1200 * time.Millisecond:        "1.2s",
		59*time.Second + 999999999:     "59s",
		time.Minute:                    "1m",
		3*time.Minute + 12*time.Second: "3m 12s",
		2*time.Hour + 30*time.Second:   "2h",
		52*time.Hour + 10*time.Minute:  "2d 4h",
		-(1500 * time.Millisecond):     "-1.5s",
		23*time.Hour + 59*time.Minute:  "23h 59m",
		100*24*time.Hour + 2*time.Hour: "100d 2h",
	} {
		if got := term.Duration(d); got != want {
			t.Errorf("Duration(%d): got %q, want %q", d, got, want)
		}
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0: "just now", 12 * time.Second: "12s ago", 90 * time.Second: "1m ago", 30 * time.Hour: "30h ago",
		80 * time.Hour: "3d ago", 800 * 24 * time.Hour: "2y ago", -time.Hour: "in the future",
	} {
		if got := term.Ago(now, now.Add(-d)); got != want {
			t.Errorf("Ago(%v): got %q, want %q", d, got, want)
		}
	}
	if got := term.Ago(now, time.Time{}); got != "" {
		t.Errorf("Ago of no time: got %q", got)
	}
}

func TestTableAlignsColumnsWithoutTrailingSpaces(t *testing.T) {
	table := term.Table{Indent: " ", Right: []bool{false, true}}
	table.Add("NAME", "COUNT", "LAST")
	table.Add("ä", "11,480", "")
	table.Note("    a note")
	table.Add("longer", "2", "x")
	const want = " NAME     COUNT  LAST\n" +
		" ä       11,480\n" +
		"     a note\n" +
		" longer       2  x\n"
	if got := table.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
