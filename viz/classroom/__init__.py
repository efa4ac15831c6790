"""What a class needs besides pictures: worksheets, exercises, and a check of engines that students have written.

The public names are in the folders within: `viz.classroom.worksheets`, `viz.classroom.check_engine` and
`viz.classroom.exercises`. The common mistakes, which worksheets and check_engine both recognise, are in
`viz.formulas.mistakes`.
"""
