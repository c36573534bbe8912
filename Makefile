# What is typed often. Everything else is plain go commands; CONTRIBUTING.md has them.

COUNT ?= 6
BENCH ?= .

.PHONY: test bench ci

test:
	go test ./...

# Benchmarks of the engine, often enough for benchstat to say what is noise. Give OLD=FILE to compare with an earlier run.
bench:
	go test ./xlaengine -run '^$$' -bench '$(BENCH)' -count $(COUNT) | tee bench.txt
	go tool benchstat $(OLD) bench.txt

ci:
	.ci/run
