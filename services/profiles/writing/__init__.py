"""Writing what is said of customers: words and evidence, judged by what is declared, all in one order."""
