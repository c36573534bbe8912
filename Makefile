# What is typed often. Everything else is plain go commands; CONTRIBUTING.md has them.

COUNT ?= 6
BENCH ?= .
SHELL := bash
.SHELLFLAGS := -eo pipefail -c

.PHONY: test bench ci

test:
	go test ./...

# Benchmarks of the engine, often enough for benchstat to say what is noise. OLD=FILE compares with an earlier run;
# OLD=bench.txt is the last one.
bench:
	if [ -e bench.txt ]; then mv bench.txt bench.txt.old; fi
	go test ./xlaengine -run '^$$' -bench '$(BENCH)' -count $(COUNT) | tee bench.txt
	go tool benchstat $(patsubst bench.txt,bench.txt.old,$(OLD)) bench.txt

ci:
	.ci/run
