// Scraper crawls a web of 500 pages, which it serves itself, and can be stopped and started again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"syscall"

	"github.com/burdock-go/burdock"
	"github.com/burdock-go/burdock/examples/scraper/internal/site"
	"github.com/burdock-go/burdock/store/sqlitestore"
	"github.com/burdock-go/burdock/track/progress"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scraper:", err)
		os.Exit(1)
	}
}

// run is the program: the report goes to stdout, everything else to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("scraper", flag.ExitOnError)
	db := flags.String("db", "", "keep the crawl in this SQLite `file`, so that it can go on after it was stopped")
	seed := flags.Uint64("seed", 1, "which web to generate")
	pages := flags.Int("pages", 500, "how many pages it has")
	perSecond := flags.Float64("rate", 100, "requests per second and host")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *pages < 1 || *perSecond <= 0 {
		return errors.New("-pages and -rate are positive")
	}

	web := site.New(*seed, *pages)
	server := httptest.NewServer(web)
	defer server.Close()
	c := newCrawler(to(server.Listener.Addr()), *perSecond, site.Hosts...)
	defer c.client.CloseIdleConnections()

	view := progress.New(stderr, nil)
	defer view.Close() //nolint:errcheck // where stderr cannot be written there is nobody to tell
	opts := &burdock.Options{
		ID:      fmt.Sprintf("crawl-%d-%d", *seed, *pages),
		State:   burdock.StateOf(frontier{URLs: []string{web.Start()}, Seen: []string{web.Start()}}),
		Cascade: burdock.Cascade{Tracker: view},
	}
	if *db != "" {
		store, err := sqlitestore.Open(ctx, *db, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		opts.Cascade.Store = store
	}
	found, err := c.crawl(ctx, opts)
	fmt.Fprintf(stderr, "%d requests were made\n", c.requests.Load())
	switch {
	case ctx.Err() != nil && *db != "":
		return fmt.Errorf("%w; the same command goes on", context.Cause(ctx))
	case err != nil:
		return err
	}
	found.write(stdout)
	return nil
}

// crawl begins a crawl, or goes on with the one of that id that the store has.
func (c *crawler) crawl(ctx context.Context, opts *burdock.Options) (report, error) {
	graph, err := c.Graph()
	if err != nil {
		return report{}, err
	}
	app, err := burdock.Open(ctx, graph, opts)
	if err != nil {
		return report{}, err
	}
	return burdock.Read[report](app.Run(ctx))
}

// to is a transport that finds all hosts at one address, so that nothing leaves this machine.
func to(addr net.Addr) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, addr.Network(), addr.String())
	}}
}
