package main

import (
	"context"
	"iter"
	"math/rand/v2"

	"github.com/burdock-go/burdock"
)

// The state of a town: who lives there, and how many were ill on each day.
type (
	town struct {
		Rules   rules    `state:"rules"`
		Friends [][]int  `state:"friends"` // of each person
		Day     int      `state:"day"`
		People  []person `state:"people"`
	}
	nextDay struct {
		Day    int      `state:"day"`
		People []person `state:"people"`
		Ill    []int    `state:"ill,append"`
	}
)

// The state of a branch, which is one person on one day.
type (
	morning struct {
		Number int    `state:"number,key"`
		Rules  rules  `state:"rules"`
		Day    int    `state:"day"`
		Self   person `state:"self"`
		Ill    int    `state:"ill_friends"` // friends who are ill, and out
	}
	evening struct {
		Self person `state:"self"`
	}
)

// Rules are what a simulation follows from, together with the town at its beginning.
type rules struct {
	Seed       uint64
	Caution    int     // so many ill friends make a person stay at home; 0 is never
	Contagious float64 // the chance to catch it from an ill friend, each day
	Recover    float64 // the chance to get well, each day
	Days       int     // when the simulation ends in any case
}

type person struct {
	Health health
	Home   bool // stays at home, and meets nobody
}

type health int

const (
	well health = iota
	ill
	immune
)

// newTown is a ring of people who know four neighbours each, with as many friendships across as there are people. Three
// are ill.
func newTown(r rules, people int) town {
	t := town{Rules: r, Friends: make([][]int, people), People: make([]person, people)}
	befriend := func(a, b int) {
		t.Friends[a] = append(t.Friends[a], b)
		t.Friends[b] = append(t.Friends[b], a)
	}
	random := rand.New(rand.NewPCG(r.Seed, 0))
	for i := range people {
		befriend(i, (i+1)%people)
		befriend(i, (i+2)%people)
		befriend(i, random.IntN(people))
	}
	for range 3 {
		t.People[random.IntN(people)].Health = ill
	}
	return t
}

// graph is one action that runs as long as somebody is ill. Each day is a fan-out: every person lives it on their own,
// knowing the evening before, and together they make the next. At most limit live at once.
func graph(limit int) (*burdock.Graph, error) {
	day := burdock.MapStates("day", burdock.Func("live", live), wake, gather, &burdock.MapOptions{Limit: limit})
	goesOn := burdock.When("somebody is ill", func(t town) bool { return t.Day < t.Rules.Days && t.ill() > 0 })
	return burdock.NewGraph("town", burdock.Node(day, goesOn.Then(day)))
}

func (t town) ill() (n int) {
	for _, p := range t.People {
		if p.Health == ill {
			n++
		}
	}
	return n
}

// wake gives everybody what they know of the town.
func wake(_ context.Context, t town) iter.Seq2[morning, error] {
	return func(yield func(morning, error) bool) {
		for i, self := range t.People {
			m := morning{Number: i, Rules: t.Rules, Day: t.Day, Self: self}
			for _, f := range t.Friends[i] {
				if p := t.People[f]; p.Health == ill && !p.Home {
					m.Ill++
				}
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// live is one day of one person. Its chances follow from the seed, the day and the person, so they are the same whoever
// lives first.
func live(_ context.Context, m morning) (evening, error) {
	chance := rand.New(rand.NewPCG(m.Rules.Seed, uint64(m.Day+1)<<32|uint64(m.Number)))
	self := m.Self
	self.Home = m.Rules.Caution > 0 && m.Ill >= m.Rules.Caution
	switch {
	case self.Health == ill && chance.Float64() < m.Rules.Recover:
		self.Health = immune
	case self.Health == well && !self.Home:
		for range m.Ill {
			if chance.Float64() < m.Rules.Contagious {
				self.Health = ill
			}
		}
	}
	return evening{self}, nil
}

// gather makes the town of the next day. It reads the people in their order, not in that in which they were done.
func gather(_ context.Context, t town, rs *burdock.Results[morning, evening]) (nextDay, error) {
	out := nextDay{Day: t.Day + 1}
	for r := range rs.OK() {
		out.People = append(out.People, r.Out.Self)
	}
	out.Ill = []int{town{People: out.People}.ill()}
	return out, rs.Err()
}
