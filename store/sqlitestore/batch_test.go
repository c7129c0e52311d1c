package sqlitestore

import "testing"

func TestP7_ADurableSaveJoinsNoTransactionThatIsNotSynced(t *testing.T) {
	var g group
	b, leads := g.join(&save{lightly: true})
	if !leads || len(g.next(b)) != 1 {
		t.Fatal("the first save leads no batch of one")
	}
	if other, leads := g.join(&save{lightly: true}); leads || other != b {
		t.Error("a second relaxed save does not join the transaction")
	}
	other, leads := g.join(&save{})
	if !leads || other == b {
		t.Error("a durable save joins a transaction that is not synced")
	}
	if again, leads := g.join(&save{lightly: true}); leads || again != other {
		t.Error("a relaxed save does not join the durable one")
	}
	if got := len(g.next(b)) + len(g.next(b)); got != 1 {
		t.Errorf("the transaction gets %d more saves, want 1", got)
	}
	if g.forming != other {
		t.Error("the durable save's batch ends with the transaction before it")
	}
}

func TestP5_ASaveJoinsWhileTheTransactionIsWritten(t *testing.T) {
	var g group
	b, _ := g.join(&save{})
	g.next(b)
	if other, leads := g.join(&save{}); leads || other != b {
		t.Error("a save does not join the open transaction")
	}
	if got := len(g.next(b)); got != 1 {
		t.Errorf("the transaction gets %d more saves, want 1", got)
	}
	if got := len(g.next(b)); got != 0 {
		t.Errorf("the transaction gets %d more saves, want none", got)
	}
	if other, leads := g.join(&save{}); !leads || other == b {
		t.Error("a save joins a transaction that is being committed")
	}
}

func TestAPanicOfALeaderHoldsUpNobody(t *testing.T) {
	var g group
	b, _ := g.join(&save{})
	g.next(b)
	g.close(b) // what lead does in the end, whatever happens
	if other, leads := g.join(&save{}); !leads || other == b {
		t.Error("a save joins a batch that nobody leads")
	}
}
