# The EIM term, for `query_losses` of an EoMT and `outlier_losses` of others.
eim_losses = [dict(type='EIMLoss', temperature=1.0, loss_weight=0.1)]
