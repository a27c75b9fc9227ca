"""What a chart says first: problems, medicines, vital signs and analyses, short on the overview and whole on pages."""
