package gosrc

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/burdock-go/burdock/examples/review/internal/gitrepo"
)

// A place names a package directory: one of the repository or, with std set,
// one of GOROOT/src.
type place struct {
	std bool
	dir string
}

// A module is a directory of the repository with a go.mod.
type module struct {
	dir  string // "." at the top
	path string // of the module line
}

// std reports whether this is the standard library itself, whose packages
// have no module path in front.
func (m module) std() bool { return m.path == "std" }

// dirOf returns the directory that an import path means in this module.
func (m module) dirOf(imp string) (string, bool) {
	if m.std() {
		return path.Join(m.dir, imp), true
	}
	if imp == m.path {
		return m.dir, true
	}
	rest, ok := strings.CutPrefix(imp, m.path+"/")
	return path.Join(m.dir, rest), ok
}

// importPath returns the path under which a directory is imported.
func (m module) importPath(dir string) string {
	rel := strings.TrimPrefix(strings.TrimPrefix(dir, m.dir), "/")
	if m.dir == "." {
		rel = dir
	}
	switch {
	case rel == "" || rel == ".":
		return m.path
	case m.std():
		return rel
	}
	return m.path + "/" + rel
}

// findModules reads the go.mod files of a tree.
func findModules(ctx context.Context, blobs *gitrepo.Blobs, tree []gitrepo.File) (map[string]module, error) {
	found := map[string]module{}
	for _, f := range tree {
		if path.Base(f.Path) != "go.mod" || f.Mode == gitrepo.ModeSymlink || f.Size > 1<<20 {
			continue
		}
		raw, err := gitrepo.Unquote(f.Path)
		if err != nil {
			return nil, err
		}
		content, err := blobs.Get(ctx, f.OID, 1<<20)
		if err != nil {
			return nil, err
		}
		dir := path.Dir(raw)
		found[dir] = module{dir, modulePath(content)}
	}
	return found, nil
}

// modulePath reads the module line of a go.mod. A file without one still
// separates its directory from the module above.
func modulePath(mod []byte) string {
	for s := bufio.NewScanner(bytes.NewReader(mod)); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "//")
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[0] != "module" {
			continue
		}
		if p, err := strconv.Unquote(fields[1]); err == nil {
			return p
		}
		return fields[1]
	}
	return ""
}

// A resolver finds the package that an import means. Its answer depends on
// the commit only.
type resolver struct {
	repo    source
	goroot  source
	modules map[string]module
	ordered []module // those that others may import from, nearest to the top first
}

func newResolver(repo, goroot source, modules map[string]module) *resolver {
	r := &resolver{repo: repo, goroot: goroot, modules: modules}
	for _, m := range modules {
		if m.path != "" && !hasElement(m.dir, "testdata") && !hasElement(m.dir, "vendor") {
			r.ordered = append(r.ordered, m)
		}
	}
	slices.SortFunc(r.ordered, func(a, b module) int {
		return cmp.Or(cmp.Compare(len(b.path), len(a.path)), cmp.Compare(a.dir, b.dir))
	})
	return r
}

// moduleOf returns the module that a directory belongs to: the one of the
// nearest go.mod above.
func (r *resolver) moduleOf(dir string) (module, bool) {
	for {
		if m, ok := r.modules[dir]; ok {
			return m, true
		}
		if dir == "." || dir == "/" {
			return module{}, false
		}
		dir = path.Dir(dir)
	}
}

// pathOf returns an import path for a place; outside of modules it is made up.
func (r *resolver) pathOf(at place) string {
	if at.std {
		return at.dir
	}
	if m, ok := r.moduleOf(at.dir); ok && m.path != "" {
		return m.importPath(at.dir)
	}
	return "./" + at.dir
}

// resolve returns the place that imp means in a file of from. It returns an
// *Unavailable when there is none that may be read.
func (r *resolver) resolve(from place, imp string) (place, error) {
	if from.std {
		return r.resolveStd(from, imp)
	}
	if strings.HasPrefix(imp, ".") {
		return place{}, &Unavailable{ReasonOutside, imp}
	}
	own, inModule := r.moduleOf(from.dir)
	if inModule {
		for _, dir := range []string{path.Join(own.dir, "vendor", imp), r.inModule(own, imp)} {
			if dir != "" && r.has(dir) {
				return place{dir: dir}, nil
			}
		}
	}
	for _, m := range r.ordered {
		if dir := r.inModule(m, imp); dir != "" && r.has(dir) {
			return place{dir: dir}, nil
		}
	}
	if inModule && own.path != "" && own.path != "std" && (imp == own.path || strings.HasPrefix(imp, own.path+"/")) {
		return place{}, &Unavailable{ReasonMissing, imp}
	}
	return r.resolveStd(from, imp)
}

// inModule returns the directory of imp if the module has it and no nested
// module took it away.
func (r *resolver) inModule(m module, imp string) string {
	dir, ok := m.dirOf(imp)
	if !ok {
		return ""
	}
	if owner, ok := r.moduleOf(dir); !ok || owner.dir != m.dir {
		return ""
	}
	return dir
}

func (r *resolver) has(dir string) bool {
	names, err := r.repo.goFiles(dir)
	return err == nil && len(names) > 0
}

func (r *resolver) resolveStd(from place, imp string) (place, error) {
	dirs := []string{imp}
	if from.std {
		dirs = []string{path.Join("vendor", imp), imp}
	} else if first, _, _ := strings.Cut(imp, "/"); strings.Contains(first, ".") {
		return place{}, &Unavailable{ReasonOutside, imp}
	}
	for _, dir := range dirs {
		names, err := r.goroot.goFiles(dir)
		if err != nil {
			return place{}, err
		}
		if len(names) > 0 {
			return place{std: true, dir: dir}, nil
		}
	}
	return place{}, &Unavailable{ReasonOutside, imp}
}

// hasElement reports whether a path has a directory of that name.
func hasElement(dir, name string) bool {
	return slices.Contains(strings.Split(dir, "/"), name)
}
