// Package celltest has one table test over everything that can become of a branch, under every policy, order and limit, in
// memory, in SQLite and through an executor that encodes and decodes each branch, run once, stopped and resumed, and killed
// and resumed. What each cell should come to is computed by a model that runs one thing after another.
package celltest
