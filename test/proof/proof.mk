# Proofs (run.py). ./check runs those of the table that are quick.
#
#   make prove            all of them, two at a time
#   make prove-planted    planted bugs, and who notices: proofs, unit tests, a minute of fuzzing
#
# SPDX-License-Identifier: MIT

.PHONY: prove prove-planted
prove:
	tool/fetch_cbmc.sh $(BUILD)
	nice test/proof/run.py --all --jobs 2

prove-planted:
	tool/fetch_cbmc.sh $(BUILD)
	nice test/proof/planted.py
