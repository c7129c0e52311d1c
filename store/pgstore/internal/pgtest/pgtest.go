// Package pgtest runs a PostgreSQL server for tests: a real one, in a temporary folder, reached by a unix socket in that
// folder and by nothing else, with fsync on. The package starts the server's own programs, which Debian's package
// postgresql brings; where they are missing, tests skip and say so.
package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// ErrMissing means that this machine cannot run a server. The error around it says why.
var ErrMissing = errors.New("PostgreSQL cannot be had")

// A Server is a running PostgreSQL.
type Server struct {
	dir    string
	bin    string
	login  *syscall.Credential // nil for this process's own
	cmd    *exec.Cmd
	exited chan struct{} // closed when cmd has ended
	log    *os.File
}

// Start makes a database cluster and starts its server. It fails with ErrMissing where there is no PostgreSQL.
func Start() (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "burdock-pg-") // short: a socket's path has at most 107 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin}
	if err := s.setUp(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// programs is the folder of initdb and postgres, of the newest version if there are several.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%w: no initdb on the PATH or in /usr/lib/postgresql; scripts/postgres.sh installs it", ErrMissing)
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

func version(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb)))) // what has no number is oldest
	return n
}

func (s *Server) setUp() error {
	if err := s.chooseUser(); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	s.log = log
	var out bytes.Buffer
	cmd := s.command("initdb", "--pgdata", s.data(), "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, &out)
	}
	return s.Start()
}

// chooseUser takes the user postgres when this process is root, as which the server refuses to run.
func (s *Server) chooseUser() error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("%w: the server does not run as root, and %w", ErrMissing, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	s.login = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid))
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...) //nolint:noctx // ended by Stop
	cmd.Dir = s.dir
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = withParent(&syscall.SysProcAttr{Credential: s.login})
	return cmd
}

// Start starts a server that was stopped and waits until it answers.
func (s *Server) Start() error {
	cmd := s.command("postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=on", "-c", "full_page_writes=on",
		"-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "logging_collector=off", "-c", "log_line_prefix=%m [%p] ")
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	s.cmd, s.exited = cmd, exited
	go func() {
		_ = cmd.Wait() // a server that was killed says nothing else
		close(exited)
	}()
	return s.await()
}

// await waits until the server accepts connections, which its pid file says.
func (s *Server) await() error {
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); {
		select {
		case <-s.exited:
			return fmt.Errorf("the server ended at once:\n%s", s.Log())
		case <-time.After(10 * time.Millisecond):
		}
		data, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		lines := bytes.Split(data, []byte("\n"))
		if len(lines) > 7 && string(bytes.TrimSpace(lines[7])) == "ready" && string(lines[0]) == strconv.Itoa(s.cmd.Process.Pid) {
			return nil
		}
	}
	return fmt.Errorf("the server is not ready after a minute:\n%s", s.Log())
}

// Log is what the server has written.
func (s *Server) Log() string {
	data, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Crash ends the server at once, as pg_ctl stop -m immediate does: nothing is shut down, the next Start recovers.
func (s *Server) Crash() { s.end(syscall.SIGQUIT) }

// Shutdown ends the server in order; open sessions are ended.
func (s *Server) Shutdown() { s.end(syscall.SIGINT) }

func (s *Server) end(sig os.Signal) {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(sig) // it may have ended by itself
	<-s.exited
}

// Stop ends the server and removes its folder.
func (s *Server) Stop() error {
	s.end(syscall.SIGQUIT)
	return errors.Join(s.log.Close(), os.RemoveAll(s.dir))
}

// DSN is the connection string of the server's database.
func (s *Server) DSN() string { return DSNAt(s.dir) }

// DSNAt is the connection string for a socket in another folder, such as a Proxy's.
func DSNAt(dir string) string {
	return "host=" + dir + " port=5432 user=postgres dbname=postgres sslmode=disable connect_timeout=10"
}

// socket is the file in a folder that clients connect to.
func socket(dir string) string { return filepath.Join(dir, ".s.PGSQL.5432") }

// Shared is a server that is started by the first test that asks for it.
type Shared struct {
	once   sync.Once
	server *Server
	err    error
}

// A tb is what Get needs of a test.
type tb interface {
	Helper()
	Skipf(format string, args ...any)
	Fatal(args ...any)
}

// Get returns the server. Where none can be had, the test is skipped by name and says why.
func (s *Shared) Get(t tb) *Server {
	t.Helper()
	s.once.Do(func() { s.server, s.err = Start() })
	switch {
	case errors.Is(s.err, ErrMissing):
		t.Skipf("skipped: %v", s.err)
	case s.err != nil:
		t.Fatal(s.err)
	}
	return s.server
}

// Stop ends the server if it was started.
func (s *Shared) Stop() error {
	if s.server == nil {
		return nil
	}
	return s.server.Stop()
}

// dialServer connects to the server's socket.
func dialServer(s *Server) (net.Conn, error) { return net.Dial("unix", socket(s.dir)) } //nolint:noctx // a local socket answers at once
