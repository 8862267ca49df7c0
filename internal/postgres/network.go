package postgres

import (
	"errors"
	"io"
	"net"
)

func isNetwork(err error) bool {
	var e net.Error
	return errors.As(err, &e) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
