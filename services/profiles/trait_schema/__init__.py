"""Traits as the firm declares them: their type, and which value a person shows who has several keys.

What is stored is what was said. The type is asked when it is written, and once more of everything when it changes:
what does not fit is set aside as refused evidence, and comes back with a type that it fits.

Between the words of one key the latest holds; the merge policy decides between the keys of one person, when they are
read. So a merge moves no row, and an unmerge gives back what was there. Rules of segments and the search see the
value that holds, in the form of its type.
"""
