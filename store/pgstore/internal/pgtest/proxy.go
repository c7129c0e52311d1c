package pgtest

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
)

// A Proxy stands between clients and a Server, and breaks connections where a test says so.
type Proxy struct {
	server   *Server
	dir      string
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]bool
	fault  *Fault
	refuse bool
}

// A Fault is what a Proxy does to one connection, the next one that sends Trigger.
type Fault struct {
	Trigger []byte        // what the client must send
	Forward int           // how many bytes from the trigger on reach the server; negative means all
	None    bool          // nothing of the whole message that holds it does
	Answer  bool          // whether the server's answer reaches the client
	Hold    chan struct{} // when not nil, the rest is forwarded when it is closed, whether or not the client is there
	Stall   bool          // the client's connection stays open
	Refuse  bool          // from then on, until Admit, no connection is let through
	Met     chan struct{} // closed when the trigger was met
}

// NewProxy listens on a socket in a folder of its own.
func NewProxy(s *Server) (*Proxy, error) {
	dir, err := os.MkdirTemp("", "burdock-px-")
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", socket(dir)) //nolint:noctx // ended by Close
	if err != nil {
		return nil, err
	}
	p := &Proxy{server: s, dir: dir, listener: l, conns: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	return p, nil
}

// DSN is the connection string of the way through the proxy.
func (p *Proxy) DSN() string { return DSNAt(p.dir) }

// Break sets the next fault. It returns f.Met.
func (p *Proxy) Break(f Fault) <-chan struct{} {
	f.Met = make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = &f
	return f.Met
}

// Admit ends a Fault's Refuse.
func (p *Proxy) Admit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = false
}

// dial connects to the server, unless connections are refused.
func (p *Proxy) dial() (net.Conn, error) {
	p.mu.Lock()
	refuse := p.refuse
	p.mu.Unlock()
	if refuse {
		return nil, net.ErrClosed
	}
	return dialServer(p.server)
}

// CutAll closes every connection.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Close ends the proxy and all its connections.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.CutAll()
	p.running.Wait()
	_ = os.RemoveAll(p.dir)
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := p.dial()
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		w := &wire{proxy: p, client: client, server: server}
		p.running.Go(w.upstream)
		p.running.Go(w.downstream)
	}
}

// met takes the fault if data holds its trigger, and says where in data.
func (p *Proxy) met(data []byte) (*Fault, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault == nil {
		return nil, 0
	}
	i := bytes.Index(data, p.fault.Trigger)
	if i < 0 {
		return nil, 0
	}
	f := p.fault
	p.fault, p.refuse = nil, f.Refuse
	return f, i
}

// A wire is one client's connection through the proxy.
type wire struct {
	proxy          *Proxy
	client, server net.Conn
	mu             sync.Mutex
	mute           bool // the server's answers are dropped
}

func (w *wire) close(conns ...net.Conn) {
	w.proxy.mu.Lock()
	defer w.proxy.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(w.proxy.conns, c)
	}
}

func (w *wire) upstream() {
	defer w.close(w.server)
	buf := make([]byte, 1<<16)
	for {
		n, err := w.client.Read(buf)
		if err != nil {
			return
		}
		if f, at := w.proxy.met(buf[:n]); f != nil {
			w.breakAt(f, buf[:n], at)
			return
		}
		if _, err := w.server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// breakAt does what f says with data and everything that follows.
func (w *wire) breakAt(f *Fault, data []byte, at int) {
	w.mu.Lock()
	w.mute = !f.Answer
	w.mu.Unlock()
	part := len(data)
	switch {
	case f.None:
		part = 0
	case f.Forward >= 0:
		part = min(len(data), at+f.Forward)
	}
	_, _ = w.server.Write(data[:part])
	rest := bytes.Clone(data[part:])
	close(f.Met)
	if !f.Stall {
		w.close(w.client)
	}
	if f.Hold != nil {
		<-f.Hold
		_, _ = w.server.Write(rest)
	}
	if f.Stall || f.Hold != nil {
		_, _ = io.Copy(io.Discard, w.client) // until the proxy or the client ends it
		return
	}
	if f.Forward < 0 && !f.None { // the server reads all before it sees the end
		if u, ok := w.server.(*net.UnixConn); ok {
			_ = u.CloseWrite()
		}
		_, _ = io.Copy(io.Discard, w.server)
	}
}

func (w *wire) downstream() {
	defer w.close(w.client, w.server)
	buf := make([]byte, 1<<16)
	for {
		n, err := w.server.Read(buf)
		if err != nil {
			return
		}
		w.mu.Lock()
		mute := w.mute
		w.mu.Unlock()
		if mute {
			continue
		}
		if _, err := w.client.Write(buf[:n]); err != nil {
			return
		}
	}
}
