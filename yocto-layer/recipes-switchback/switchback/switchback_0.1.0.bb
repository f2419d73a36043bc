require switchback.inc
