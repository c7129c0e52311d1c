package review

import (
	"context"
	"go/ast"
	"go/types"

	"github.com/burdock-go/burdock/examples/review/internal/gosrc"
)

// DroppedErrors finds calls whose result of type error nobody looks at: call,
// go and defer statements. An error assigned to _ is dropped on purpose and no
// finding. What cannot be type-checked is noted with the reason.
func (c *Checks) DroppedErrors(ctx context.Context, s Subject) (Result, error) {
	t, err := c.open(ctx, s)
	if err != nil || t.kind != KindGo {
		return Result{}, err
	}
	p, err := c.program(ctx, s.Commit)
	if err != nil {
		return Result{}, err
	}
	var r Result
	missing, err := p.Check(ctx, t.raw, t.parsed, func(d ast.Decl, info *types.Info) {
		scan := droppedScan{info, d}
		scan.each(func(call *ast.CallExpr, how string) {
			r.Findings = append(r.Findings, scan.finding(t, call, how))
		})
	})
	if note, ok := unavailable(err, s.File.Path); ok {
		return Result{Notes: []Note{note}}, nil
	}
	if err != nil {
		return Result{}, err
	}
	r.Notes = missingNotes(missing, s.File.Path)
	return r, nil
}

// missingNotes returns one note for each reason that imports are not known,
// with the first import as the example.
func missingNotes(missing []*gosrc.Unavailable, path string) []Note {
	var notes []Note
	seen := map[string]bool{}
	for _, why := range missing {
		if !seen[why.Reason] {
			seen[why.Reason] = true
			note, _ := unavailable(why, path)
			notes = append(notes, note)
		}
	}
	return notes
}

// A droppedScan looks through one declaration.
type droppedScan struct {
	info *types.Info
	decl ast.Decl
}

// each calls yield with each call that drops an error, in source order, and
// with the statement's keyword.
func (s droppedScan) each(yield func(call *ast.CallExpr, how string)) {
	ast.Inspect(s.decl, func(n ast.Node) bool {
		var e ast.Expr
		how := ""
		switch n := n.(type) {
		case *ast.ExprStmt:
			e = n.X
		case *ast.GoStmt:
			e, how = n.Call, "go"
		case *ast.DeferStmt:
			e, how = n.Call, "defer"
		default:
			return true
		}
		if call, ok := ast.Unparen(e).(*ast.CallExpr); ok && s.drops(call) {
			yield(call, how)
		}
		return true
	})
}

func (s droppedScan) finding(t *text, call *ast.CallExpr, how string) Finding {
	f := t.finding(CheckErrors, t.parsed.Line(call.Pos()))
	f.Name = printable(types.ExprString(call.Fun))
	f.Message = "the error of this call is dropped"
	if how != "" {
		f.Message += " by " + how
	}
	f.Minor = s.closesReader(call) || s.keepsError(call)
	return f
}

var errorType = types.Universe.Lookup("error").Type()

// drops reports whether a call returns an error that may be non-nil. A call
// whose type is not known does not.
func (s droppedScan) drops(call *ast.CallExpr) bool {
	tv, ok := s.info.Types[call]
	if !ok || tv.Type == nil || tv.IsType() || s.info.Types[call.Fun].IsType() {
		return false
	}
	return returnsError(tv.Type) && !s.neverFails(call)
}

func returnsError(t types.Type) bool {
	if tuple, ok := t.(*types.Tuple); ok {
		for v := range tuple.Variables() {
			if types.Identical(v.Type(), errorType) {
				return true
			}
		}
		return false
	}
	return types.Identical(t, errorType)
}

// closesReader reports whether a call closes what was only read from: a file
// from os.Open, or a value that has no Write method.
func (s droppedScan) closesReader(call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Close" {
		return false
	}
	t := s.info.TypeOf(sel.X)
	if t == nil {
		return false
	}
	if writer, _, _ := types.LookupFieldOrMethod(t, true, nil, "Write"); writer == nil {
		return true
	}
	id, ok := ast.Unparen(sel.X).(*ast.Ident)
	return ok && s.opened(s.info.ObjectOf(id))
}

// opened reports whether a variable's value comes from os.Open here.
func (s droppedScan) opened(v types.Object) (found bool) {
	ast.Inspect(s.decl, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok || len(a.Rhs) != 1 {
			return !found
		}
		id, isIdent := a.Lhs[0].(*ast.Ident)
		call, isCall := a.Rhs[0].(*ast.CallExpr)
		if isIdent && isCall && s.info.ObjectOf(id) == v {
			fn := s.callee(call)
			found = fn != nil && fn.FullName() == "os.Open"
		}
		return !found
	})
	return found
}
