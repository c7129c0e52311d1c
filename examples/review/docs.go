package review

import (
	"context"
	"fmt"
	"go/ast"
	"go/token"
	"slices"
)

// selfEvident are methods whose name says what the doc comment would.
var selfEvident = []string{"Close", "Error", "Len", "Less", "Read", "ServeHTTP", "String", "Swap", "Unwrap", "Write"}

// Docs finds exported names without a doc comment: one finding for each
// function, and one for each declaration of types, constants or variables,
// however many it has. Tests, commands and code that nobody here writes have
// no readers of their names.
func (c *Checks) Docs(ctx context.Context, s Subject) (Result, error) {
	t, err := c.open(ctx, s)
	if err != nil || t.syntax() == nil {
		return Result{}, err
	}
	if t.place != PlaceSource || t.syntax().Name.Name == "main" {
		return Result{}, nil
	}
	var r Result
	for _, d := range t.syntax().Decls {
		names := undocumented(d)
		if len(names) == 0 {
			continue
		}
		f := t.finding(CheckDocs, t.parsed.Line(names[0].Pos()))
		f.Name, f.Measure, f.Message = names[0].Name, len(names), "is exported and has no doc comment"
		if fn, ok := d.(*ast.FuncDecl); ok {
			f.Name = funcName(fn)
		}
		if len(names) > 1 {
			f.Message = fmt.Sprintf("and %d more of this declaration are exported and have no doc comment", len(names)-1)
		}
		r.Findings = append(r.Findings, f)
	}
	return r, nil
}

// undocumented returns the exported names of a declaration that no comment is
// about.
func undocumented(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && exportedFunc(d) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Doc == nil && d.Tok != token.IMPORT {
			return undocumentedSpecs(d.Specs)
		}
	}
	return nil
}

// exportedFunc reports whether readers of the documentation see a function.
func exportedFunc(d *ast.FuncDecl) bool {
	if !d.Name.IsExported() {
		return false
	}
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	return ast.IsExported(baseName(d.Recv.List[0].Type)) && !slices.Contains(selfEvident, d.Name.Name)
}

func undocumentedSpecs(specs []ast.Spec) (names []*ast.Ident) {
	for _, s := range specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Doc == nil && s.Comment == nil && s.Name.IsExported() {
				names = append(names, s.Name)
			}
		case *ast.ValueSpec:
			if s.Doc != nil || s.Comment != nil {
				continue
			}
			if i := slices.IndexFunc(s.Names, (*ast.Ident).IsExported); i >= 0 {
				names = append(names, s.Names[i])
			}
		}
	}
	return names
}
