// Package site is a small web to scrape: pages on three hosts, generated from a seed, with what makes scraping hard.
//
//	/page/N     a page with a title and links; some are slow, some fail once, some ask once to come back later
//	/old/N      a redirect to /page/N; some pages are linked by nothing else
//	/missing/N  what some pages link to and is not there
//	/loop/a     a redirect to /loop/b, which redirects back
//
// All hosts are one handler that tells them apart by the Host header. It counts what it is asked for, so that a test
// can tell how a scraper behaves.
package site

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Hosts are the hosts of every site. Names that end in .test are reserved, so nobody else has them.
var Hosts = []string{"ash.test", "birch.test", "cedar.test"}

// One page in so many is of a kind.
const (
	slowEvery    = 12
	failsEvery   = 31
	busyEvery    = 83
	movedEvery   = 40
	missingEvery = 120
)

const (
	slowness   = 50 * time.Millisecond
	retryAfter = time.Second // the least that the header can say
)

// A Site is the web of one seed. Its methods may be called at any time.
type Site struct {
	hosts []string   // by number of the page
	links [][]string // by number of the page
	mux   http.ServeMux

	mu       sync.Mutex
	asked    map[string]int // by URL
	served   map[string]int // by URL: answers with status 200
	arrivals map[string][]time.Time
}

// New returns the site of a seed. All its pages can be reached from Start.
func New(seed uint64, pages int) *Site {
	s := &Site{
		links: make([][]string, pages),
		asked: map[string]int{}, served: map[string]int{}, arrivals: map[string][]time.Time{},
	}
	random := rand.New(rand.NewPCG(seed, 0))
	for range pages {
		s.hosts = append(s.hosts, Hosts[random.IntN(len(Hosts))])
	}
	s.link(0, "http://"+Hosts[0]+"/loop/a")
	for i := 1; i < pages; i++ {
		s.link(random.IntN(1+i/3), s.way(i)) // makes a tree of all pages
		for range 3 {
			s.link(i, s.url("page", random.IntN(pages))+"#top")
		}
		if i%missingEvery == 0 {
			s.link(i, s.url("missing", i))
		}
	}
	s.mux.HandleFunc("GET /page/{n}", s.page)
	s.mux.HandleFunc("GET /old/{n}", s.old)
	s.mux.HandleFunc("GET /loop/{end}", s.loop)
	return s
}

// way is how the tree leads to a page.
func (s *Site) way(i int) string {
	if i%movedEvery == 0 {
		return s.url("old", i)
	}
	return s.url("page", i)
}

func (s *Site) url(kind string, i int) string {
	return fmt.Sprintf("http://%s/%s/%d", s.hosts[i], kind, i)
}

// link adds a link to a page, without the host if it is the page's own.
func (s *Site) link(from int, to string) {
	s.links[from] = append(s.links[from], strings.TrimPrefix(to, "http://"+s.hosts[from]))
}

// Start is the URL of the first page.
func (s *Site) Start() string { return s.url("page", 0) }

// Served returns how often each page was answered with status 200, by URL.
func (s *Site) Served() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.served)
}

// Arrivals returns the moments at which a host was asked for anything.
func (s *Site) Arrivals(host string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.arrivals[host])
}

// ServeHTTP answers for all hosts.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.arrivals[r.Host] = append(s.arrivals[r.Host], time.Now())
	s.asked[r.Host+r.URL.Path]++
	s.mu.Unlock()
	s.mux.ServeHTTP(w, r)
}

func (s *Site) page(w http.ResponseWriter, r *http.Request) {
	i, ok := s.number(r)
	if !ok {
		http.NotFound(w, r)
		return
	}
	first := s.first(r)
	switch {
	case first && i%failsEvery == failsEvery-1:
		http.Error(w, "something broke", http.StatusInternalServerError)
		return
	case first && i%busyEvery == busyEvery-1:
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		http.Error(w, "come back later", http.StatusTooManyRequests)
		return
	case i%slowEvery == slowEvery-1:
		time.Sleep(slowness)
	}
	s.mu.Lock()
	s.served["http://"+r.Host+r.URL.Path]++
	s.mu.Unlock()
	fmt.Fprintf(w, "<html><title>Page %d of %s</title><body>\n", i, r.Host)
	for _, to := range s.links[i] {
		fmt.Fprintf(w, "<a href=%q>more</a>\n", to)
	}
}

// number returns which page a request is about, if the host has it.
func (s *Site) number(r *http.Request) (i int, ok bool) {
	i, err := strconv.Atoi(r.PathValue("n"))
	return i, err == nil && 0 <= i && i < len(s.hosts) && s.hosts[i] == r.Host
}

func (s *Site) first(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[r.Host+r.URL.Path] == 1
}

func (s *Site) old(w http.ResponseWriter, r *http.Request) {
	if i, ok := s.number(r); ok {
		http.Redirect(w, r, s.url("page", i), http.StatusMovedPermanently)
		return
	}
	http.NotFound(w, r)
}

func (s *Site) loop(w http.ResponseWriter, r *http.Request) {
	ends := map[string]string{"a": "/loop/b", "b": "/loop/a"}
	if to := ends[r.PathValue("end")]; to != "" {
		http.Redirect(w, r, to, http.StatusFound)
		return
	}
	http.NotFound(w, r)
}
