package main

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
)

//go:embed data/penguins.csv
var penguinsCSV string

// species is how many there are: Adelie, Gentoo and Chinstrap, in the order of the file.
const species = 3

// A sample is one penguin: what was measured, and its species as a number.
type sample struct {
	sizes   sizes
	species int
}

// sizes are the length and depth of the bill, the length of the flippers and the mass of the body.
type sizes [4]float64

// Columns of the file.
const (
	speciesColumn = 0
	sizesColumn   = 2 // the first of four
	missing       = "NA"
)

// penguins returns the samples of the file that have all sizes.
func penguins() (all []sample, err error) {
	rows, err := csv.NewReader(strings.NewReader(penguinsCSV)).ReadAll()
	if err != nil {
		return nil, err
	}
	known := map[string]int{}
	for i, row := range rows[1:] {
		if row[sizesColumn] == missing {
			continue
		}
		name := row[speciesColumn]
		if _, ok := known[name]; !ok {
			known[name] = len(known)
		}
		s := sample{species: known[name]}
		for j := range s.sizes {
			if s.sizes[j], err = strconv.ParseFloat(row[sizesColumn+j], 64); err != nil {
				return nil, fmt.Errorf("penguin %d: %w", i+1, err)
			}
		}
		all = append(all, s)
	}
	return all, nil
}
