"""Wire models of vouchers: campaigns, codes and jobs, assignments, and the basket."""
