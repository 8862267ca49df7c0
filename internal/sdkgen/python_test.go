package sdkgen

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func renderedPython(t *testing.T) map[string]string {
	t.Helper()
	made, err := renderPython(newAPI(t))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for name, text := range made {
		files[strings.TrimPrefix(name, "python/src/plotwise/")] = string(text)
	}
	return files
}

func TestRenderPython(t *testing.T) {
	files := renderedPython(t)
	for name, want := range map[string][]string{
		"_sync_client.py": {
			"class APIKeys(Resource):", "def get(self, permit_uuid: str, **options: Unpack[Options]) -> models.PermitDetails:",
			"status: str | Sequence[str] | None = None", "from_: date | str | None = None", `"from": from_`, `"types": commas(types)`,
			"def stream(self, *, after: int | None = None,", "waits=wait or 0", "waits=15", "-> Items[models.WatchlistBatchResult, None]:",
			`def create(self, *, type: Literal["company"], name: str | None = None, company: str, **options: Unpack[KeyedOptions]) -> models.Condition: ...`,
			"items: Sequence[models.WatchlistItemCreate]", "-> Page[models.Permit]:", "-> File:",
		},
		"_async_client.py": {
			"class AsyncAPIKeys(AsyncResource):", "async def get(self, permit_uuid: str, **options: Unpack[Options]) -> models.PermitDetails:",
			"return await self._object(models.PermitDetails, ", "def list(self, *, scope:", "-> AsyncPages[models.Permit]:", "-> AsyncFile:",
		},
		"models.py": {
			`PermitState: TypeAlias = Literal["active", "closed"] | str`, "class PermitDetails(PermitRecord, Permit):",
			`in_: Annotated[ErrorLocation, Field(alias="in")]`, `schema_: Annotated[dict[str, Any], Field(alias="schema")]`,
			"class WatchlistItemCreate(TypedDict):", "priority: NotRequired[Priority]", "filed_date: date | None\n", "updated_at: datetime\n",
			`Annotated[PermitFeeChanged, Tag("permit.fee_changed")],`, "class UnknownCondition(Model):", "webhook_id: str | None = None",
		},
		"_sync.py":  {"class Page(Generic[T]):", "def __next__(self) -> Event:"},
		"_async.py": {"class AsyncPage(Generic[T]):", "async def __anext__(self) -> Event:"},
	} {
		for _, part := range want {
			if !strings.Contains(files[name], part) {
				t.Errorf("%s does not hold %q", name, part)
			}
		}
	}
	if strings.Contains(files["_sync_client.py"], "await") || strings.Contains(files["_sync.py"], "await") {
		t.Error("the client that does not wait has an await")
	}
}

// The two clients come from the same templates, so that they have the same methods.
func TestRenderPython_same(t *testing.T) {
	files := renderedPython(t)
	for _, line := range strings.Split(files["_sync_client.py"], "\n") {
		if definition, ok := strings.CutPrefix(line, "    def "); ok {
			name, _, _ := strings.Cut(definition, "(")
			if strings.HasPrefix(name, "_") || name == "close" {
				continue
			}
			if !strings.Contains(files["_async_client.py"], "def "+name+"(") {
				t.Errorf("AsyncPlotwise has no %s", name)
			}
		}
	}
}

// What is read has no constraints: an answer that a later version of the API gives has to be read too.
func TestRenderPython_open(t *testing.T) {
	models := renderedPython(t)["models.py"]
	for _, part := range []string{"max_length", "pattern=", "ge=", `extra="forbid"`} {
		if strings.Contains(models, part) {
			t.Errorf("models.py holds %q", part)
		}
	}
}

func Test_docstring(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"One line.", `    """One line."""`},
		{"Two.\n\nLines.", "    \"\"\"Two.\n\n    Lines.\n    \"\"\""},
		{`Ends with "a quote"`, `    """Ends with "a quote" """`},
		{`Has a \ in it.`, `    r"""Has a \ in it."""`},
	} {
		if diff := cmp.Diff(test.want, docstring(4, test.text)); diff != "" {
			t.Errorf("docstring(%q) (-want +got):\n%s", test.text, diff)
		}
	}
}

func Test_wrap(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"one two three", []string{"one two", "three"}},
		{"    a: one two", []string{"    a:", "        one", "        two"}},
		{"one\n\ntwo", []string{"one", "", "two"}},
		{"averylongword x", []string{"averylongword", "x"}},
	} {
		if diff := cmp.Diff(test.want, wrap(test.text, 9)); diff != "" {
			t.Errorf("wrap(%q) (-want +got):\n%s", test.text, diff)
		}
	}
}

func Test_unwrap(t *testing.T) {
	for text, want := range map[string]string{
		"one\ntwo":               "one two",
		"one\n\ntwo\nthree":      "one\n\ntwo three",
		"one:\n- a\n- b\n":       "one:\n- a\n- b",
		"| a | b |\n| - | - |\n": "| a | b |\n| - | - |",
	} {
		if got := unwrap(text); got != want {
			t.Errorf("unwrap(%q) = %q, want %q", text, got, want)
		}
	}
}
