// Package e2e looks at /docs and at the settings as people do: in Chromium, on the real program with its demo data. Every
// page is watched for what the browser complains of, for requests to other servers, for what axe finds, and for a layout
// that is wider than a phone. `make e2e` runs it and leaves a picture of each page in .plotwise/screenshots.
package e2e
