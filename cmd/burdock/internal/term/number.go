package term

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Number is n with a comma after each thousand.
func Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var parts []string
	for len(s) > 3 {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return sign + strings.Join(append([]string{s}, parts...), ",")
}

// Bytes is a size such as 312 B, 4.5 kB or 12 MB.
func Bytes(n int) string {
	x := float64(n)
	for _, unit := range []string{"B", "kB", "MB"} {
		if x < 1000 {
			return threeDigits(x) + " " + unit
		}
		x /= 1000
	}
	return threeDigits(x) + " GB"
}

// Duration is how long something took, in two or three digits: 850µs, 1.2s, 3m 12s, 2d 4h.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d == 0:
		return "0s"
	case d < time.Microsecond:
		return "<1µs"
	case d < time.Millisecond:
		return threeDigits(float64(d)/float64(time.Microsecond)) + "µs"
	case d < time.Second:
		return threeDigits(float64(d)/float64(time.Millisecond)) + "ms"
	case d < time.Minute:
		return threeDigits(d.Seconds()) + "s"
	case d < time.Hour:
		return pair(d, time.Minute, "m", time.Second, "s")
	case d < 24*time.Hour:
		return pair(d, time.Hour, "h", time.Minute, "m")
	}
	return pair(d, 24*time.Hour, "d", time.Hour, "h")
}

// threeDigits cuts and does not round, so that no 999.96 becomes 1000.
func threeDigits(x float64) string {
	if x < 10 {
		return strconv.FormatFloat(float64(int(x*10))/10, 'f', -1, 64)
	}
	return strconv.Itoa(int(x))
}

func pair(d, unit time.Duration, name string, small time.Duration, smallName string) string {
	if rest := d % unit / small; rest > 0 {
		return fmt.Sprintf("%d%s %d%s", d/unit, name, rest, smallName)
	}
	return fmt.Sprintf("%d%s", d/unit, name)
}

// Ago says how long ago t was, in one unit.
func Ago(now, t time.Time) string {
	const day = 24 * time.Hour
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return ""
	case d < -time.Minute:
		return "in the future"
	case d < time.Second:
		return "just now"
	}
	for _, u := range []struct {
		below, unit time.Duration
		name        string
	}{{time.Minute, time.Second, "s"}, {time.Hour, time.Minute, "m"}, {2 * day, time.Hour, "h"}, {730 * day, day, "d"}} {
		if d < u.below {
			return fmt.Sprintf("%d%s ago", d/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%dy ago", d/(365*day))
}

// Moment is t in the local time zone, to the second, with the zone's name.
func Moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }
