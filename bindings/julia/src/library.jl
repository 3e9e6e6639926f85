# The loaded library: errors as exceptions, handles that free themselves, callbacks.

const library = "libpowalloc.so.0"

function __init__()
    # Loaded first, the file that POWALLOC_LIBRARY names answers to the name above.
    haskey(ENV, "POWALLOC_LIBRARY") && dlopen(ENV["POWALLOC_LIBRARY"])
    version = @ccall library.pa_version()::UInt32
    if version >> 8 != VERSION_MAJOR << 8 | VERSION_MINOR
        text = unsafe_string(@ccall library.pa_version_text()::Cstring)
        error("libpowalloc is version $text, needed is $VERSION_MAJOR.$VERSION_MINOR")
    end
end

"An error of the library: its code, its name in C, and what the library says."
struct PowAllocError <: Exception
    status::Int32
    name::String
    message::String
end

Base.showerror(io::IO, e::PowAllocError) = print(io, "PowAllocError: ", e.message, " (", e.name, ")")

"Throws what a callback threw during the call, or the error that a status stands for; else returns the status."
function check(status::Int32)
    if status == ERROR_CALLBACK || status == STOPPED
        thrown = pop!(task_local_storage(), :PowAlloc, nothing)
        thrown === nothing || throw(thrown)
    end
    status >= 0 && return status
    name = unsafe_string(@ccall library.pa_status_name(status::Int32)::Cstring)
    throw(PowAllocError(status, name, unsafe_string(@ccall library.pa_last_error()::Cstring)))
end

"""
A pointer to what the library made, freed with the last reference to this object. `keep` holds what the library borrows
for it: arrays, callbacks, other handles. Freeing does not look at them, since finalizers run in any order.
"""
mutable struct Handle
    pointer::Ptr{Cvoid}
    keep::Dict{Symbol,Any}
    Handle(pointer::Ptr{Cvoid}; keep...) = new(pointer, Dict{Symbol,Any}(keep))
end

"A handle that is freed with a function of its pointer."
owned(free::Function, pointer::Ptr{Cvoid}; keep...) = finalizer(h -> free(h.pointer), Handle(pointer; keep...))

"Something that the library made. Passed as `Ptr{Cvoid}`, it is kept alive during the call."
abstract type Resource end

function Base.unsafe_convert(::Type{Ptr{Cvoid}}, resource::Resource)
    resource.handle.pointer == C_NULL && error("this $(typeof(resource)) was lent to a callback that has returned")
    return resource.handle.pointer
end

"What a function of Julia is called through: the user pointer of a callback."
mutable struct Callback
    call::Any
end

user_pointer(callback::Callback) = pointer_from_objref(callback)

"""
Calls `f` with the function behind a user pointer. An exception cannot cross the C code: it is put away, and check()
throws it after the call, which is on the same task. Calls that may come here are made within disable_sigint(), so that
Ctrl-C is thrown inside of the try block; it stops a run with the best weights so far instead of aborting it.
"""
function guarded(f::Function, user::Ptr{Cvoid})
    try
        callback = unsafe_pointer_to_objref(user)::Callback
        result = reenable_sigint(() -> f(callback.call))
        return result isa CallbackCode ? result.code : CALLBACK_OK.code
    catch exception
        task_local_storage(:PowAlloc, exception)
        return exception isa InterruptException ? CALLBACK_STOP.code : CALLBACK_ABORT.code
    end
end

"Number of a key, such as that of `:network` and `:density`."
function key(noun::Symbol, name::Symbol)
    found = @ccall library.pa_key_find("$noun.$name"::Cstring)::Int32
    found == 0 && throw(ArgumentError("$noun has no key $name"))
    return found
end

"One number, or one for each link, as a vector."
parameters(values::Real) = [Float64(values)]
parameters(values::AbstractVector{<:Real}) = convert(Vector{Float64}, values)

"Refuses an array of another size: the library sees a pointer only."
function check_size(array::Array{<:Union{Float32,Float64}}, name::String, expected::Integer...)
    size(array) == expected || throw(DimensionMismatch("$name has size $(size(array)), must have $expected"))
    return array
end
