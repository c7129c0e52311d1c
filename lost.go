package burdock

import (
	"strings"
	"sync"
	"sync/atomic"
)

// lostAttempts are those that workers have begun and not ended before they were lost. Nothing is recorded of them, but
// whoever is told of events knows of them, so the next worker counts on from there: otherwise a reader would get the first
// chunks of a step twice, as if they belonged to one attempt.
type lostAttempts struct {
	some atomic.Bool
	mu   sync.Mutex
	at   map[string]begunAttempt // by application
}

// A begunAttempt is the latest one of a step.
type begunAttempt struct {
	App     string
	Path    string
	Seq     int64
	Attempt int
}

func (l *lostAttempts) add(all map[string]begunAttempt) {
	for _, a := range all {
		l.put(a)
	}
}

func (l *lostAttempts) put(a begunAttempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil {
		l.at = map[string]begunAttempt{}
	}
	l.at[a.App] = a
	l.some.Store(true)
}

// next returns the attempt that follows the lost one of a step; zero if there is none.
func (l *lostAttempts) next(app string, seq int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a, ok := l.at[app]; ok && a.Seq == seq {
		return a.Attempt + 1
	}
	return 0
}

// of returns those of the application at path and below.
func (l *lostAttempts) of(path string) []begunAttempt {
	if !l.some.Load() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []begunAttempt
	for _, a := range l.at {
		if a.Path == path || strings.HasPrefix(a.Path, path+"/") {
			all = append(all, a)
		}
	}
	return all
}
