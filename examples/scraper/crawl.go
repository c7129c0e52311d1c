package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/burdock-go/burdock"
)

// The state of a crawl. What a page holds stays in its branch; the root keeps what is to be told about it.
type (
	frontier struct { // what a round reads
		URLs []string `state:"frontier"`
		Seen []string `state:"seen"` // every URL that was ever in a frontier
	}
	round struct { // what a round writes
		URLs   []string  `state:"frontier"`
		Seen   []string  `state:"seen,append"`
		Pages  []page    `state:"pages,append"`
		Moved  []string  `state:"moved,append"`
		Broken []problem `state:"broken,append"`
		Sizes  []int     `state:"rounds,append"`
	}
	page struct {
		URL, Title string
	}
	problem struct {
		URL, Reason string
	}
)

// The state of a branch.
type (
	link struct {
		URL string `state:"url,key"`
	}
	answer struct {
		Body  string `state:"body"`
		Moved string `state:"moved"` // where to, of a redirect
	}
	fetched struct {
		URL   string `state:"url"`
		Body  string `state:"body"`
		Moved string `state:"moved"`
	}
	content struct {
		Title string   `state:"title"`
		Links []string `state:"links"`
	}
	result struct {
		Title string   `state:"title"`
		Moved string   `state:"moved"`
		Links []string `state:"links"`
	}
)

// A crawler fetches from the hosts that it has a limiter for, and from no other.
type crawler struct {
	client   *http.Client
	hosts    map[string]*rate.Limiter
	requests atomic.Int64
}

func newCrawler(transport http.RoundTripper, perSecond float64, hosts ...string) *crawler {
	c := &crawler{hosts: map[string]*rate.Limiter{}, client: &http.Client{
		Transport: transport,
		Timeout:   10 * time.Second,
		// A redirect is a link like any other. So it waits for its host's limiter, and a loop ends at a URL that was seen.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, host := range hosts {
		c.hosts[host] = rate.NewLimiter(rate.Limit(perSecond), 1)
	}
	return c
}

// Graph is the whole crawl. Each round fetches the frontier, one branch per URL, and makes the next frontier of what
// the pages link to:
//
//	round: fetch ─▶ extract, for every URL of the frontier ─┐
//	  ▲                                                     │
//	  └──────────────── while the frontier has URLs ────────┘
func (c *crawler) Graph() (*burdock.Graph, error) {
	fetch := burdock.Func("fetch", c.fetch).With(burdock.Retry{Attempts: 5, If: passing, Delay: retryAfter})
	one, err := burdock.NewGraph("page", burdock.Chain(fetch, burdock.Func("extract", c.extract)))
	if err != nil {
		return nil, err
	}
	all := burdock.MapStates("round", one, eachURL, merge, &burdock.MapOptions{Limit: 32, Failures: burdock.Collect})
	more := burdock.When("the frontier has URLs", func(f frontier) bool { return len(f.URLs) > 0 })
	return burdock.NewGraph("crawl", burdock.Node(all, more.Then(all)))
}

func eachURL(ctx context.Context, in frontier) iter.Seq2[link, error] {
	burdock.Attr(ctx, "total", len(in.URLs))
	return burdock.Each(in.URLs, func(url string) link { return link{url} })
}

// merge adds up a round. It reads the results in the order of the frontier, so the next frontier and the report do not
// depend on which page came first.
func merge(_ context.Context, in frontier, rs *burdock.Results[link, result]) (round, error) {
	seen := map[string]bool{}
	for _, u := range in.Seen {
		seen[u] = true
	}
	var out round
	for r := range rs.All() {
		switch {
		case r.Err != nil:
			out.Broken = append(out.Broken, problem{r.In.URL, reason(r.Err)})
		case r.Out.Moved != "":
			out.Moved = append(out.Moved, r.In.URL)
		default:
			out.Pages = append(out.Pages, page{r.In.URL, r.Out.Title})
		}
		for _, u := range r.Out.Links {
			if !seen[u] {
				seen[u] = true
				out.URLs = append(out.URLs, u)
			}
		}
	}
	out.Seen, out.Sizes = out.URLs, []int{len(in.URLs)}
	return out, nil
}

// A statusError is an answer that is no page.
type statusError struct {
	code  int
	after time.Duration // its Retry-After
}

func (e *statusError) Error() string { return fmt.Sprint(e.code, " ", http.StatusText(e.code)) }

// passing says which failures are worth another attempt.
func passing(err error) bool {
	status, ok := errors.AsType[*statusError](err)
	return !ok || status.code == http.StatusTooManyRequests || status.code >= 500
}

func retryAfter(err error) time.Duration {
	if status, ok := errors.AsType[*statusError](err); ok {
		return status.after
	}
	return 0
}

// reason is what fetch returned, without the branch, step and attempt around it.
func reason(err error) string {
	if branch, ok := errors.AsType[*burdock.BranchError](err); ok {
		err = branch.Err
	}
	if step, ok := errors.AsType[*burdock.StepError](err); ok {
		err = step.Err
	}
	return err.Error()
}

// maxBody bounds what is read of a page.
const maxBody = 1 << 20

// fetch waits until its host may be asked again, and asks. A cancellation ends the wait but no request that is on its
// way: its answer becomes the step's, is saved, and the page need not be fetched again.
func (c *crawler) fetch(ctx context.Context, in link) (out answer, err error) {
	request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, in.URL, nil)
	if err != nil {
		return out, err
	}
	host, ok := c.hosts[request.URL.Host]
	if !ok {
		return out, fmt.Errorf("%s is no host of this crawl", request.URL.Host)
	}
	if err := host.Wait(ctx); err != nil {
		return out, err
	}
	c.requests.Add(1)
	response, err := c.client.Do(request)
	if err != nil {
		return out, err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode >= 400:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return out, &statusError{response.StatusCode, time.Duration(seconds) * time.Second}
	case response.StatusCode >= 300:
		out.Moved = response.Header.Get("Location")
		return out, nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	out.Body = string(body)
	return out, err
}

// The site is our own, so two expressions will do; the pages of others want a parser such as golang.org/x/net/html.
var (
	title = regexp.MustCompile(`<title>(.*?)</title>`)
	href  = regexp.MustCompile(`<a href="(.*?)"`)
)

// extract returns the title of a page, and the hosts' URLs that it links to.
func (c *crawler) extract(_ context.Context, in fetched) (out content, err error) {
	base, err := url.Parse(in.URL)
	if err != nil {
		return out, err
	}
	if m := title.FindStringSubmatch(in.Body); m != nil {
		out.Title = html.UnescapeString(m[1])
	}
	var targets []string
	if in.Moved != "" {
		targets = append(targets, in.Moved)
	}
	for _, m := range href.FindAllStringSubmatch(in.Body, -1) {
		targets = append(targets, html.UnescapeString(m[1]))
	}
	for _, target := range targets {
		to, err := base.Parse(target)
		if err != nil || c.hosts[to.Host] == nil {
			continue
		}
		to.Fragment = ""
		out.Links = append(out.Links, to.String())
	}
	return out, nil
}

// A report is what is left of a crawl.
type report struct {
	Pages  []page    `state:"pages,optional"`
	Moved  []string  `state:"moved,optional"`
	Broken []problem `state:"broken,optional"`
	Rounds []int     `state:"rounds,optional"`
}

func (r report) write(w io.Writer) {
	hosts := map[string]int{}
	for _, p := range r.Pages {
		if u, err := url.Parse(p.URL); err == nil {
			hosts[u.Host]++
		}
	}
	fmt.Fprintf(w, "%d pages in %d rounds of %v URLs, %d redirects, %d broken links\n",
		len(r.Pages), len(r.Rounds), r.Rounds, len(r.Moved), len(r.Broken))
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		fmt.Fprintf(w, "%5d on %s\n", hosts[host], host)
	}
	for _, b := range r.Broken {
		fmt.Fprintf(w, "broken: %s: %s\n", b.URL, b.Reason)
	}
}
