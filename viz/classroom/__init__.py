"""What a class needs besides pictures: worksheets, practice, exercises, a gradebook, and a check of students' engines.

The public names are in the folders within: `viz.classroom.worksheets`, `viz.classroom.practice`,
`viz.classroom.check_engine`, `viz.classroom.exercises` and `viz.classroom.gradebook`. The common mistakes, which
worksheets, practice and check_engine recognise, are in `viz.formulas.mistakes`.
"""
