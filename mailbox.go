package burdock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A mailbox is what the owner of a tree has taken from its Inboxes, or was given for one step, and who in this process is
// concerned. Messages are taken when the call begins, twice a second while it runs, and before a visit is suspended.
//
//	Inbox ──take──▶ mailbox ──▶ step that begins: prepare asks for its answer
//	                       ├──▶ branch that is suspended: its fan runs it again
//	                       └──▶ application that runs: its context is cancelled
//
// A message stays in the Inbox until the commit of the step that used it.
type mailbox struct {
	some atomic.Bool // there are answers or cancellations; asked before every step

	mu        sync.Mutex
	seen      map[string]bool // ids of the messages that this call has taken
	answers   map[Ref]*answer
	cancels   map[string][]string // application → ids of the messages
	suspended map[string]func()   // application → runs its branch again
	running   map[string]func(error)
}

// An answer is what somebody gave to one step.
type answer struct {
	id     string // of the message; "" for InputFor
	inputs []InputRecord
	given  []givenInput // of InputFor
}

// mailInterval is how often messages are looked for while a call runs.
const mailInterval = 500 * time.Millisecond

// reset begins a call.
func (m *mailbox) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen, m.answers, m.cancels, m.suspended, m.running = nil, nil, nil, nil, nil
	m.some.Store(false)
}

// noteIn writes to a map that most calls never need.
func noteIn[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = value
}

// put adds the answer that InputFor gives.
func (m *mailbox) put(ref Ref, a *answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	noteIn(&m.answers, ref, a)
	m.some.Store(true)
}

// answered takes the answer to a step that begins, or returns nil.
func (m *mailbox) answered(ref Ref) *answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.answers[ref]
	delete(m.answers, ref)
	return a
}

// copies returns the answers that nobody has taken, for a worker elsewhere to look for its own. Inputs that the plan of its
// branch does not declare are of no use there, and secret ones never cross.
func (m *mailbox) copies(p *plan) []handedAnswer {
	if !m.some.Load() {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []handedAnswer
	for ref, a := range m.answers {
		h := handedAnswer{ID: a.id, To: ref, Inputs: a.inputs}
		for _, g := range a.given {
			if use := p.inputs[g.name]; use == nil || use.secret {
				continue
			}
			if data, err := encodeInput(g); err == nil {
				h.Inputs = append(h.Inputs, InputRecord{Name: g.name, Value: data, Source: sourceAnswer})
			}
		}
		all = append(all, h)
	}
	return all
}

// has reports whether there is an answer to the step that nobody has taken.
func (m *mailbox) has(ref Ref) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.answers[ref] != nil
}

// called returns the cancellations that nobody has taken, but for that of one application: whoever waits for it has its
// context.
func (m *mailbox) called(but string) []handedCancel {
	if !m.some.Load() {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []handedCancel
	for app, ids := range m.cancels {
		if app != but {
			all = append(all, handedCancel{app, ids})
		}
	}
	return all
}

// call notes a cancellation that was handed over.
func (m *mailbox) call(c handedCancel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	noteIn(&m.cancels, c.App, c.IDs)
	m.some.Store(true)
}

// used drops answers that a worker elsewhere has taken.
func (m *mailbox) used(refs []Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ref := range refs {
		delete(m.answers, ref)
	}
}

// cancelled returns the messages that ask to cancel the application.
func (m *mailbox) cancelled(app string) (ids []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cancels[app]
}

// forget drops a cancellation whose record is committed.
func (m *mailbox) forget(app string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.cancels, app)
}

// suspend notes a branch that waits, so that an answer to it or below it, or its cancellation, runs it again. It does so
// at once if one has come meanwhile.
func (m *mailbox) suspend(app string, pending []Pending, again func()) {
	m.mu.Lock()
	_, concerned := m.cancels[app]
	for _, p := range pending {
		concerned = concerned || m.answers[p.Ref] != nil
	}
	if !concerned {
		noteIn(&m.suspended, app, again)
	}
	m.mu.Unlock()
	if concerned {
		again()
	}
}

// run notes an application that runs, so that it can be cancelled; end takes it out.
func (m *mailbox) run(app string, cancel func(error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	noteIn(&m.running, app, cancel)
	if _, yes := m.cancels[app]; yes {
		cancel(ErrCancelled)
	}
}

func (m *mailbox) end(app string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.running, app)
}

// wake runs a suspended branch again. It reports whether it was suspended.
func (m *mailbox) wake(app string) bool {
	m.mu.Lock()
	again := m.suspended[app]
	delete(m.suspended, app)
	m.mu.Unlock()
	if again == nil {
		return false
	}
	again()
	return true
}

// add takes a message, unless it has been taken.
func (m *mailbox) add(msg Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen[msg.ID] {
		return
	}
	noteIn(&m.seen, msg.ID, true)
	m.some.Store(true) // before anybody is cancelled, who asks for it
	switch msg.Kind {
	case MessageAnswer:
		noteIn(&m.answers, msg.To, &answer{id: msg.ID, inputs: msg.Inputs})
	case MessageCancel:
		noteIn(&m.cancels, msg.To.App, append(m.cancels[msg.To.App], msg.ID))
		if cancel := m.running[msg.To.App]; cancel != nil {
			cancel(ErrCancelled)
		}
	}
}

// left returns what messages are for that nobody has taken yet.
func (m *mailbox) left() []Ref {
	m.mu.Lock()
	defer m.mu.Unlock()
	refs := slices.Collect(maps.Keys(m.answers))
	for app := range m.cancels {
		if m.running[app] == nil {
			refs = append(refs, Ref{App: app})
		}
	}
	return refs
}

// unused returns the names of the inputs that InputFor gave and no step has taken.
func (m *mailbox) unused() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, a := range m.answers {
		for _, g := range a.given {
			names = append(names, g.name)
		}
	}
	slices.Sort(names)
	return names
}

// inboxes returns the ledgers whose stores take messages.
func (t *tree) inboxes() []*ledger {
	var all []*ledger
	for _, l := range t.allLedgers() {
		if _, ok := l.store.(Inbox); ok {
			all = append(all, l)
		}
	}
	return all
}

// fetch takes the messages that have come, and runs again what waits for them. All are read before one is taken: a
// cancellation may end ctx.
func (t *tree) fetch(ctx context.Context) error {
	var all []Message
	for _, l := range t.inboxes() {
		for msg, err := range l.store.(Inbox).Messages(ctx, t.root) {
			if err != nil {
				return &StoreError{Op: "list", App: t.root, Err: err}
			}
			all = append(all, msg)
		}
	}
	for _, msg := range all {
		t.mail.add(msg)
	}
	if !t.mail.some.Load() {
		return nil
	}
	for _, ref := range t.mail.left() {
		t.rouse(ctx, ref)
	}
	return nil
}

// rouse runs the branch again that is suspended at an application, or at the nearest one above it if the application
// waits: for a message that has come too late it would wait again at once, and be run again, without end.
func (t *tree) rouse(ctx context.Context, ref Ref) {
	if t.resume(ref, func(*runner) {}) { // a spawned one, which takes the answer when its step begins
		return
	}
	app := ref.App
	for !t.mail.wake(app) && app != t.root {
		cp, err := t.find(ctx, app)
		if err != nil || cp.Parent.App == "" || cp.Status != StatusWaiting {
			return // the step that is answered may begin, and asks for itself then
		}
		app = cp.Parent.App
	}
}

// find returns the latest record of an application of the tree, in whatever store it is.
func (t *tree) find(ctx context.Context, app string) (cp Checkpoint, err error) {
	err = ErrNotFound
	for _, l := range t.allLedgers() {
		if cp, err = l.store.Load(ctx, Ref{App: app, Seq: -1}); !errors.Is(err, ErrNotFound) {
			return cp, err
		}
	}
	return cp, err
}

// watch fetches messages until stop is called. A store that fails to read is asked again: what it cannot do for the
// steps themselves stops the tree soon enough.
func (t *tree) watch(ctx context.Context) (stop func()) {
	if len(t.inboxes()) == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(mailInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := t.fetch(ctx); err != nil && ctx.Err() == nil {
					t.logger.Warn("burdock: messages could not be read", slog.String("app", t.root), slog.Any("error", err))
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// collectAnswer gives the step that begins what somebody has answered. What does not fit is logged and dropped: the sender has
// gone, and the step waits on.
func (r *runner) collectAnswer() {
	ref := Ref{App: r.identity(), Seq: r.seq + 1}
	a := r.tree.mail.answered(ref)
	if a == nil {
		return
	}
	r.answeredBelow()
	if a.id != "" {
		r.messages = append(r.messages, a.id)
	}
	take := func(name string, v reflect.Value, err error) {
		if err != nil {
			r.tree.logger.Warn("burdock: an answer does not fit the step it is for",
				slog.String("app", ref.App), slog.Int64("seq", ref.Seq), slog.String("input", name), slog.Any("error", err))
			return
		}
		r.sources.events = r.sources.events.with(name, v)
	}
	for _, in := range a.inputs {
		v, err := r.decodeAnswer(in)
		take(in.Name, v, err)
	}
	for _, g := range a.given {
		v, err := r.plan.inputOf(g)
		take(g.name, v, err)
	}
}

// cancelled reports whether somebody has asked to cancel the application, and takes that for what its record will say.
func (r *runner) cancelled() bool {
	if !r.tree.mail.some.Load() {
		return false
	}
	ids := r.tree.mail.cancelled(r.identity())
	for _, id := range ids {
		if !slices.Contains(r.messages, id) {
			r.messages = append(r.messages, id)
		}
	}
	return len(ids) > 0
}

// decodeAnswer reads one input of an answer.
func (r *runner) decodeAnswer(in InputRecord) (reflect.Value, error) {
	use := r.plan.inputs[in.Name]
	if use == nil {
		return reflect.Value{}, fmt.Errorf("no action of graph %q declares it", r.plan.graph.name)
	}
	v := reflect.New(use.typ).Elem()
	return v, use.codec.Decode(in.Value, v)
}
