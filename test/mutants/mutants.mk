# Mutants (run.py). ./check runs a sample.
#
#   make mutants          all of them, two at a time
#
# SPDX-License-Identifier: MIT

.PHONY: mutants
mutants: units
	nice test/mutants/run.py
