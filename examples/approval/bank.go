package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// A bank pays, each key once. The payments are lines of a file, or of memory without one.
type bank struct {
	path string
	say  func(format string, args ...any)

	mu   sync.Mutex
	paid map[string]bool // by key
}

// pay pays a sum, unless the key has been paid.
func (b *bank) pay(key, what string, cents int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.open(); err != nil {
		return err
	}
	if b.paid[key] {
		b.say("bank: %s is paid already", what)
		return nil
	}
	if err := b.write(fmt.Sprintf("%s %s %s\n", key, what, euros(cents))); err != nil {
		return err
	}
	b.paid[key] = true
	b.say("bank: pays %s for %s", euros(cents), what)
	return nil
}

// open reads what was paid by earlier processes.
func (b *bank) open() error {
	if b.paid != nil {
		return nil
	}
	var text []byte
	if b.path != "" {
		var err error
		if text, err = os.ReadFile(b.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	b.paid = map[string]bool{}
	for line := range strings.Lines(string(text)) {
		key, _, _ := strings.Cut(line, " ")
		b.paid[key] = true
	}
	return nil
}

func (b *bank) write(line string) error {
	if b.path == "" {
		return nil
	}
	f, err := os.OpenFile(b.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Sync(), f.Close())
}
