// Package examples holds complete programs that the guides show, each a main.go to copy, and tests them as processes
// against the real server, with a stand-in for whom they talk to besides.
package examples
