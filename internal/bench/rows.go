package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// files returns the files to import.
func (b *bench) files() (texts [][]byte, err error) {
	if b.loaded == nil {
		b.loaded, err = load()
	}
	return b.loaded, err
}

// load returns the named files, or generated rows.
func load() ([][]byte, error) {
	dir := os.Getenv("PLOTWISE_BENCH_DATA")
	if dir == "" {
		fmt.Fprintln(os.Stderr, "PLOTWISE_BENCH_DATA names no directory with austin/*.csv.gz: measuring with generated rows.")
		text, err := generate(147_115)
		return [][]byte{text}, err
	}
	names, err := filepath.Glob(filepath.Join(dir, "austin", "*permits*.csv.gz"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("there are no austin/*permits*.csv.gz in %s", dir)
	}
	var files [][]byte
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, text)
	}
	return files, nil
}

// generate returns rows with the columns of the austin source, gzipped: of 3,000 persons and of 2,000 firms, one of which builds more
// than the others.
func generate(n int) ([]byte, error) {
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	w := csv.NewWriter(zipped)
	header := []string{
		"permit_number", "status", "sub_type", "work_description", "permit_location", "city", "state", "postal_code", "lat", "lng",
		"date_issued", "total_job_valuation", "folder_owner", "folder_owner_phone", "folder_owner_addrcity", "folder_owner_addrprovince", "folder_owner_addrpostal",
	}
	if err := w.Write(header); err != nil {
		return nil, err
	}
	for i := range n {
		firm := i % 2000
		if i%21 == 0 {
			firm = 0
		}
		row := []string{
			fmt.Sprintf("2015-%06d BP", i), []string{"Final", "Active", "Expired"}[i%3], "R- 101 Single Family Houses",
			fmt.Sprintf("New two story residence with attached garage, covered porch %d and patio, lot %d", i%977, i%4111),
			fmt.Sprintf("%d SAMPLE ST", i%9000), "", "", "787" + strconv.Itoa(10+i%50), fmt.Sprintf("%.6f", 30+float64(i%5000)/10000), fmt.Sprintf("%.6f", -97-float64(i%7000)/10000),
			fmt.Sprintf("%02d/%02d/2015", 1+i%12, 1+i%28), strconv.Itoa(i % 90000), fmt.Sprintf("Person %d, Firm %d Electric", i%3000, firm), "(512) 555-0100", "Austin", "TX", "78701",
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	w.Flush()
	err := zipped.Close() // before the bytes are all there
	return b.Bytes(), err
}

func (b *bench) rows() ([][]string, error) {
	texts, err := b.files()
	if err != nil {
		return nil, err
	}
	var all [][]string
	for _, text := range texts {
		zipped, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		r := csv.NewReader(zipped)
		r.LazyQuotes = true
		for {
			row, err := r.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
			if len(all) == 0 || len(row) == len(all[0]) {
				all = append(all, row)
			}
		}
	}
	return all, nil
}
