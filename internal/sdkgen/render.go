package sdkgen

// language renders the files of an SDK, by their path below sdk/.
type language func(*API) (map[string][]byte, error)

// languages are those that there is an SDK for.
var languages = []language{
	typescript,
	goLanguage,
	renderPython,
}

// Render returns the generated files of all SDKs, by their path below sdk/.
func Render(api *API) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, render := range languages {
		made, err := render(api)
		if err != nil {
			return nil, err
		}
		for name, text := range made {
			files[name] = text
		}
	}
	return files, nil
}
