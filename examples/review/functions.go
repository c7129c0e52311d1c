package review

import (
	"context"
	"fmt"
	"go/ast"
)

// Above these a function is a finding.
const (
	MaxFunctionLines = 80
	MaxNesting       = 5
)

// Functions finds functions that are too long or too deeply nested.
func (c *Checks) Functions(ctx context.Context, s Subject) (Result, error) {
	t, err := c.open(ctx, s)
	if err != nil || t.syntax() == nil {
		return Result{}, err
	}
	var r Result
	for _, d := range t.syntax().Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		line := t.parsed.Line(fn.Pos())
		if n := t.parsed.Line(fn.End()) - line + 1; n > MaxFunctionLines {
			f := t.finding(CheckLong, line)
			f.Name, f.Measure, f.Message = funcName(fn), n, fmt.Sprintf("has %d lines", n)
			r.Findings = append(r.Findings, f)
		}
		if n := nesting(fn.Body); n > MaxNesting {
			f := t.finding(CheckNesting, line)
			f.Name, f.Measure, f.Message = funcName(fn), n, fmt.Sprintf("is nested %d levels deep", n)
			r.Findings = append(r.Findings, f)
		}
	}
	return r, nil
}

// funcName returns F, T.M or (*T).M.
func funcName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	switch t := ast.Unparen(fn.Recv.List[0].Type).(type) {
	case *ast.StarExpr:
		return "(*" + baseName(t.X) + ")." + fn.Name.Name
	default:
		return baseName(t) + "." + fn.Name.Name
	}
}

// baseName returns the name of a receiver's type, without type parameters.
func baseName(e ast.Expr) string {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return baseName(e.X)
	case *ast.IndexExpr:
		return baseName(e.X)
	case *ast.IndexListExpr:
		return baseName(e.X)
	}
	return "?"
}

// nesting returns how many control statements are around the innermost one,
// itself included. An else if is no deeper than its if, and a case no deeper
// than its switch. Function literals count with what is around them.
func nesting(body *ast.BlockStmt) (deepest int) {
	var visit func(n ast.Node, depth int)
	visit = func(n ast.Node, depth int) {
		ast.Inspect(n, func(inner ast.Node) bool {
			if inner == nil || inner == n {
				return true
			}
			if branch, ok := n.(*ast.IfStmt); ok && inner == branch.Else {
				if _, chained := inner.(*ast.IfStmt); chained {
					visit(inner, depth)
					return false
				}
			}
			if !isControl(inner) {
				return true
			}
			deepest = max(deepest, depth+1)
			visit(inner, depth+1)
			return false
		})
	}
	visit(body, 0)
	return deepest
}

func isControl(n ast.Node) bool {
	switch n.(type) {
	case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
		return true
	}
	return false
}
