"""Three models without a conjugate prior in worlds whose drift is known: what does every policy cost there?"""
