package sdkgen

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// goSource is what package client declares.
type goSource struct {
	types     map[string]goDeclared
	functions map[string]*ast.FuncDecl
	constants map[string]map[string]string // the names of the constants of a type, by their values
	seen      map[string]bool              // the types that methods speak of
}

type goDeclared struct {
	*ast.TypeSpec
	doc string
}

// goType is a type that the SDK has from package client.
type goType struct {
	Name      string
	Doc       string
	Constants []string
}

// goTyped is a field of a struct.
type goTyped struct {
	Name string
	Type ast.Expr
}

// goUnion is a type that is one of several, and that users make.
type goUnion struct {
	Name  string
	Kinds []string
}

func newGoSource(text []byte) (*goSource, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "client.go", text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("read package client: %w", err)
	}
	s := &goSource{
		types: map[string]goDeclared{}, functions: map[string]*ast.FuncDecl{}, constants: map[string]map[string]string{}, seen: map[string]bool{},
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			s.functions[receiver(d)+d.Name.Name] = d
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				s.declare(d, spec)
			}
		}
	}
	return s, nil
}

// receiver returns the type that a method is of, with a dot; "" for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	return strings.TrimPrefix(types.ExprString(d.Recv.List[0].Type), "*") + "."
}

func (s *goSource) declare(d *ast.GenDecl, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		s.types[spec.Name.Name] = goDeclared{spec, d.Doc.Text()}
	case *ast.ValueSpec:
		if d.Tok != token.CONST || spec.Type == nil || len(spec.Values) != 1 {
			return
		}
		of := types.ExprString(spec.Type)
		value, err := strconv.Unquote(types.ExprString(spec.Values[0]))
		if err != nil {
			return // no text
		}
		if s.constants[of] == nil {
			s.constants[of] = map[string]string{}
		}
		s.constants[of][value] = spec.Names[0].Name
	}
}

// parameters returns the parameters of a function.
func (s *goSource) parameters(function string) (fields []goField, err error) {
	f := s.functions[function]
	if f == nil {
		return nil, fmt.Errorf("package client has no %s", function)
	}
	for _, p := range f.Type.Params.List {
		for _, name := range p.Names {
			fields = append(fields, goField{name.Name, types.ExprString(p.Type)})
		}
	}
	return fields, nil
}

// field returns the field of a struct that JSON calls by a name; one without a name of its own when there is none.
func (s *goSource) field(of, name string) (found goTyped) {
	structure, ok := s.types[of].Type.(*ast.StructType)
	if !ok {
		return found
	}
	for _, f := range structure.Fields.List {
		if f.Tag == nil || len(f.Names) != 1 {
			continue
		}
		tag, err := strconv.Unquote(f.Tag.Value)
		if tagged, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ","); err == nil && tagged == name {
			return goTyped{f.Names[0].Name, f.Type}
		}
	}
	return found
}

// plain returns the type that an alias stands for, by its name in the SDK.
func (s *goSource) plain(name string) string {
	declared, known := s.types[name]
	if !known || !declared.Assign.IsValid() {
		return name
	}
	switch target := types.ExprString(declared.Type); target {
	case "openapi_types.UUID":
		return "UUID"
	default:
		return s.plain(target)
	}
}

// reach notes that methods speak of a type, and so of those that it is made of.
func (s *goSource) reach(name string) {
	declared, known := s.types[name]
	if !known || s.seen[name] {
		return
	}
	s.seen[name] = true
	s.reachFields(name)
	for _, kind := range s.kinds(name) {
		s.reach(kind)
	}
	if _, isStruct := declared.Type.(*ast.StructType); !isStruct {
		s.reachExpression(declared.Type)
	}
}

// reachFields notes that methods speak of the types of a struct's fields.
func (s *goSource) reachFields(name string) {
	if structure, ok := s.types[name].Type.(*ast.StructType); ok {
		for _, f := range structure.Fields.List {
			s.reachExpression(f.Type)
		}
	}
}

func (s *goSource) reachExpression(expression ast.Expr) {
	ast.Inspect(expression, func(n ast.Node) bool {
		if ident, ok := n.(*ast.Ident); ok {
			s.reach(ident.Name)
		}
		return true
	})
}

// kinds returns the types that a union may be.
func (s *goSource) kinds(name string) (kinds []string) {
	for method := range s.functions {
		if kind, ok := strings.CutPrefix(method, name+".As"); ok {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// reached returns the types that methods speak of, without the aliases, and the unions that requests are made of.
func (s *goSource) reached() (all []goType, unions []goUnion) {
	for name := range s.seen {
		declared := s.types[name]
		if declared.Assign.IsValid() {
			continue
		}
		t := goType{Name: name, Doc: declared.doc}
		if name != "ErrorCode" { // which have names of their own
			t.Constants = slices.Sorted(maps.Values(s.constants[name]))
		}
		all = append(all, t)
		if kinds := s.kinds(name); kinds != nil && strings.HasSuffix(name, "Create") {
			unions = append(unions, goUnion{name, kinds})
		}
	}
	slices.SortFunc(all, func(a, b goType) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(unions, func(a, b goUnion) int { return cmp.Compare(a.Name, b.Name) })
	return all, unions
}
