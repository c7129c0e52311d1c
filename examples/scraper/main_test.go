package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/examples/scraper/internal/site"
	"github.com/burdock-go/burdock/store/sqlitestore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A wire calls the site's handler without a network, so that the time of a test is that of its bubble. It cancels the
// crawl when it carries the request of that number.
type wire struct {
	web     *site.Site
	carried atomic.Int64
	cut     int64
	cancel  context.CancelFunc
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.carried.Add(1) == w.cut {
		w.cancel()
	}
	recorder := httptest.NewRecorder()
	w.web.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// crawl runs until it is done, or cancelled at the request of the given number; zero is never.
func crawl(t *testing.T, web *site.Site, store burdock.Store, perSecond float64, cut int64) (string, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := newCrawler(&wire{web: web, cut: cut, cancel: cancel}, perSecond, site.Hosts...)
	found, err := c.crawl(ctx, &burdock.Options{
		ID:      "crawl",
		State:   burdock.StateOf(frontier{URLs: []string{web.Start()}, Seen: []string{web.Start()}}),
		Cascade: burdock.Cascade{Store: store},
	})
	var text strings.Builder
	found.write(&text)
	return text.String(), err
}

func TestEveryPageIsFetchedOnceAndNoHostIsHurried(t *testing.T) {
	for _, perSecond := range []float64{10, 100} {
		synctest.Test(t, func(t *testing.T) {
			web := site.New(1, 500)
			got, err := crawl(t, web, nil, perSecond, 0)
			if err != nil {
				t.Fatal(err)
			}
			if want := golden(t); got != want {
				t.Errorf("got\n%swant what the README shows:\n%s", got, want)
			}
			servedOnce(t, web)
			unhurried(t, web, perSecond)
		})
	}
}

// servedOnce checks that the site has answered each of its 500 pages once.
func servedOnce(t *testing.T, web *site.Site) {
	t.Helper()
	served := web.Served()
	if len(served) != 500 {
		t.Errorf("got %d pages, want 500", len(served))
	}
	for url, n := range served {
		if n != 1 {
			t.Errorf("%s was fetched %d times", url, n)
		}
	}
}

// unhurried checks that no two requests of a host are closer than the rate allows. The limiter counts in
// floating point, so one may come a microsecond early.
func unhurried(t *testing.T, web *site.Site, perSecond float64) {
	t.Helper()
	least := time.Duration(float64(time.Second)/perSecond) - time.Microsecond
	for _, host := range site.Hosts {
		at := web.Arrivals(host)
		for i := 1; i < len(at); i++ {
			if gap := at[i].Sub(at[i-1]); gap < least {
				t.Errorf("%s: request %d came %v after the one before, want at least %v", host, i, gap, least)
			}
		}
	}
}

func TestInterruptedCrawlFetchesNoPageTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crawl.db")
	synctest.Test(t, func(t *testing.T) {
		web := site.New(1, 500)
		var got string
		for _, cut := range []int64{1, 1, 7, 50, 100, 133, 100, 70, 0} {
			store, err := sqlitestore.Open(t.Context(), path, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err = crawl(t, web, store, 100, cut)
			if cut > 0 && !errors.Is(err, context.Canceled) || cut == 0 && err != nil {
				t.Fatalf("cut at request %d: got error %v", cut, err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if want := golden(t); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
		servedOnce(t, web)
	})
}

// The program itself, over a real network.
func TestFinishedCrawlMakesNoRequest(t *testing.T) {
	args := []string{"-rate", "1000", "-db", filepath.Join(t.TempDir(), "crawl.db")}
	for _, note := range []string{"540 requests were made\n", "0 requests were made\n"} {
		var stdout, stderr bytes.Buffer
		if err := run(t.Context(), args, &stdout, &stderr); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(golden(t), stdout.String()); diff != "" {
			t.Errorf("(-README +got):\n%s", diff)
		}
		if got := stderr.String(); !strings.HasSuffix(got, note) {
			t.Errorf("got %q, want it to end with %q", got, note)
		}
	}
}

func TestOtherHostsAreLeftAlone(t *testing.T) {
	c := newCrawler(nil, 1, "ash.test")
	got, err := c.extract(t.Context(), fetched{URL: "http://ash.test/a/b", Body: `<title>A &amp; B</title>
		<a href="c#top">1</a> <a href="/d?x=1&amp;y=2">2</a> <a href="http://elsewhere.test/e">3</a> <a href="mailto:f@ash.test">4</a> <a href="%">5</a>`})
	want := content{Title: "A & B", Links: []string{"http://ash.test/a/c", "http://ash.test/d?x=1&y=2"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if _, err := c.fetch(t.Context(), link{"http://elsewhere.test/e"}); err == nil {
		t.Error("a page of another host was fetched")
	}
}

// golden is the report that the README shows.
func golden(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```text\n")
	report, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the README shows no report")
	}
	return report
}
