package main

// Tables on standard output, and the numbers in them.

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// newTable returns an empty table in the program's one style: numbers to the right of the first column.
func newTable(header table.Row) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.Style().Format.Footer = text.FormatDefault
	t.AppendHeader(header)
	columns := make([]table.ColumnConfig, len(header))
	for i := range columns {
		columns[i] = table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight, AlignFooter: text.AlignRight}
		if i == 0 {
			columns[i].Align, columns[i].AlignHeader, columns[i].AlignFooter = text.AlignLeft, text.AlignLeft, text.AlignLeft
		}
	}
	t.SetColumnConfigs(columns)
	return t
}
