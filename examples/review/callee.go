package review

import (
	"go/ast"
	"go/types"
	"strings"
)

// inMemory are the types whose writers are documented never to fail.
var inMemory = map[string]bool{
	"bytes.Buffer":         true,
	"strings.Builder":      true,
	"hash/maphash.Hash":    true,
	"crypto/sha3.SHAKE":    true,
	"math/rand.Rand":       true,
	"math/rand/v2.ChaCha8": true,
}

// random are those that can be read from without end.
var random = map[string]bool{
	"crypto/sha3.SHAKE":    true,
	"math/rand.Rand":       true,
	"math/rand/v2.ChaCha8": true,
}

// sticky are the writers that keep their first error for Flush.
var sticky = map[string]bool{
	"bufio.Writer":          true,
	"text/tabwriter.Writer": true,
}

// neverFails knows the calls whose error is always nil, or that of a print
// function of fmt, which nobody handles.
func (s droppedScan) neverFails(call *ast.CallExpr) bool {
	fn := s.callee(call)
	if fn == nil {
		return false
	}
	if recv := fn.Signature().Recv(); recv != nil {
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		return writes(fn) && (inMemory[typeName(recv.Type())] || ok && s.safeWriter(sel.X))
	}
	switch fn.FullName() {
	case "crypto/rand.Read", "math/rand.Read":
		return true
	case "io.WriteString":
		return len(call.Args) > 0 && s.safeWriter(call.Args[0])
	}
	return fn.Pkg() != nil && fn.Pkg().Path() == "fmt" && (strings.HasPrefix(fn.Name(), "Print") || strings.HasPrefix(fn.Name(), "Fprint"))
}

// writes reports whether a method has no error but that of its own receiver,
// as ReadFrom and WriteTo have.
func writes(method *types.Func) bool {
	switch method.Name() {
	case "Write", "WriteString", "WriteByte", "WriteRune":
		return true
	}
	return method.Name() == "Read" && random[typeName(method.Signature().Recv().Type())]
}

// safeWriter reports whether a write to this value cannot fail: it is in
// memory, or it has the methods of a hash.
func (s droppedScan) safeWriter(w ast.Expr) bool {
	t := s.info.TypeOf(w)
	if t == nil {
		return false
	}
	if inMemory[typeName(t)] {
		return true
	}
	for _, method := range []string{"Sum", "Reset", "Size", "BlockSize"} {
		if m, _, _ := types.LookupFieldOrMethod(t, true, nil, method); m == nil {
			return false
		}
	}
	return true
}

// keepsError reports whether a later call returns the same error again, as
// Flush does.
func (s droppedScan) keepsError(call *ast.CallExpr) bool {
	fn := s.callee(call)
	if fn == nil {
		return false
	}
	recv := fn.Signature().Recv()
	return recv != nil && sticky[typeName(recv.Type())] && strings.HasPrefix(fn.Name(), "Write")
}

// callee returns the function or method that is called, if it has a name.
func (s droppedScan) callee(call *ast.CallExpr) *types.Func {
	fun := ast.Unparen(call.Fun)
	switch f := fun.(type) {
	case *ast.IndexExpr:
		fun = f.X
	case *ast.IndexListExpr:
		fun = f.X
	}
	var id *ast.Ident
	switch f := ast.Unparen(fun).(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	default:
		return nil
	}
	fn, _ := s.info.Uses[id].(*types.Func)
	return fn
}

// typeName returns "path.Name" of a named type or a pointer to one.
func typeName(t types.Type) string {
	if t == nil {
		return ""
	}
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.Obj().Pkg() == nil {
		return ""
	}
	return named.Obj().Pkg().Path() + "." + named.Obj().Name()
}
