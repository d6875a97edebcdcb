module kseal.dev/tests/reader

go 1.26
