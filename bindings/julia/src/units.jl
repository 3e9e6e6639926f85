"Power ratio of a value in dB."
db_to_ratio(db::Real) = @ccall library.pa_db_to_ratio(db::Cdouble)::Cdouble

"dB of a power ratio."
ratio_to_db(ratio::Real) = @ccall library.pa_ratio_to_db(ratio::Cdouble)::Cdouble

"Watts of a power in dBm."
dbm_to_watts(dbm::Real) = @ccall library.pa_dbm_to_watts(dbm::Cdouble)::Cdouble

"dBm of a power in W."
watts_to_dbm(watts::Real) = @ccall library.pa_watts_to_dbm(watts::Cdouble)::Cdouble

"Noise power of a receiver in W at 290 K; bandwidth in Hz, noise figure in dB."
function thermal_noise(bandwidth::Real, noise_figure::Real = 0)
    watts = Ref{Cdouble}()
    check(@ccall library.pa_thermal_noise(bandwidth::Cdouble, noise_figure::Cdouble, watts::Ref{Cdouble})::Int32)
    return watts[]
end

"Watts of a text such as \"0.1\", \"200 mW\", \"30 dBm\" or \"-91 dB\" (dB over 1 W)."
function parse_power(text::AbstractString)
    watts = Ref{Cdouble}()
    check(@ccall library.pa_parse_power(text::Cstring, watts::Ref{Cdouble})::Int32)
    return watts[]
end
